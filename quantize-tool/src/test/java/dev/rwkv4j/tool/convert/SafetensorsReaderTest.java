package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsReaderTest {
    private static final Path FILE = Path.of("some.file");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"4", "5.0", "5.1", "5.2", "6", "7"})
    void meansWhatTheCheckpointMeans(String version) throws IOException {
        assertThat(Conversions.values(folder, SafetensorsBytes.of(TinyModel.of(version)))).usingRecursiveComparison()
                .isEqualTo(Conversions.values(folder, PthBytes.of(TinyModel.of(version))));
    }

    @Test
    void orderOfTheDataAndPaddingOfTheHeaderMeanNothing() throws IOException {
        byte[] file = SafetensorsBytes.file("{" + tensor("b", 8, 12) + "," + tensor("a", 0, 8) + "}   ", data(12));
        try (Checkpoint checkpoint = open(file)) {
            assertThat(checkpoint.tensors()).containsOnlyKeys("b", "a");
            assertThat(checkpoint.tensors().get("a").shape()).containsExactly(2);
            assertThat(checkpoint.container()).isEqualTo(Checkpoint.Container.SAFETENSORS);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            "F32 | [2]           | 0 | 8  | 8  | -",
            "F16 | [2, 2]        | 0 | 8  | 8  | -",
            "F64 | []            | 0 | 8  | 8  | -",
            "F32 | [3]           | 0 | 8  | 8  | can't lie from 0 to 8",
            "F32 | [2]           | 0 | 8  | 7  | can't lie from 0 to 8 in 7",
            "F32 | [2]           | 8 | 0  | 8  | can't lie from 8 to 0",
            "F32 | [2]           | 4 | 12 | 12 | begins at 4",
            "F32 | [2]           | 0 | 8  | 9  | the tensors end at 8 of 9",
            "F32 | [0]           | 0 | 0  | 0  | a dimension of 0",
            "F32 | [-1]          | 0 | 8  | 8  | has -1 at $.t.shape[0]",
            "F32 | [2.0]         | 0 | 8  | 8  | has 2.0 at $.t.shape[0]",
            "F32 | [2e0]         | 0 | 8  | 8  | has 2e0",
            "F32 | [`2`]         | 0 | 8  | 8  | malformed",
            "F32 | 2             | 0 | 8  | 8  | is not what it has to be",
            "F32 | [1,1,1,1,1,1,1,1,2] | 0 | 8 | 8 | more than 8 numbers",
            "F32 | [9223372036854775807] | 0 | 8 | 8 | impossible shape",
            "F32 | [4611686018427387904, 4] | 0 | 8 | 8 | impossible shape",
            "F32 | [9223372036854775808] | 0 | 8 | 8 | below 2^63",
            "F32 | [99999999999999999999] | 0 | 8 | 8 | below 2^63",
            "F32 | [2]           | 9223372036854775800 | 9223372036854775807 | 8 | can't lie",
            "F32 | [2]           | -9223372036854775808 | 8 | 8 | below 2^63",
            "I64 | [1]           | 0 | 8  | 8  | holds integers (I64)",
            "BOOL | [8]          | 0 | 8  | 8  | holds integers (BOOL)",
            "F8_E5M2 | [8]       | 0 | 8  | 8  | unknown type F8_E5M2"})
    void whatATensorSaysIsChecked(String type, String shape, String begin, String end, int bytes, String problem)
            throws IOException {
        byte[] file = SafetensorsBytes.file("{" + SafetensorsBytes.entry("t", type, shape, begin, end) + "}",
                new byte[bytes]);
        if (problem.equals("-")) {
            open(file).close();
        } else {
            refused(file, problem);
        }
    }

    @Test
    void headersAreChecked() {
        refused(SafetensorsBytes.file(Long.MAX_VALUE, "{}"), "9223372036854775807 bytes, but only 2 are left");
        refused(SafetensorsBytes.file(-1, "{}"), "18446744073709551615 bytes");
        refused(SafetensorsBytes.file(3, "{}"), "but only 2 are left");
        refused(SafetensorsBytes.file(1, "{}"), "ends too early");
        refused(SafetensorsBytes.file("{}{}"), "malformed JSON");
        refused(SafetensorsBytes.file("{} x"), "malformed JSON");
        refused(SafetensorsBytes.file("{" + tensor("t", 0, 8) + ",}", data(8)), "is not what it has to be");
        refused(SafetensorsBytes.file("{// comment\n}"), "malformed JSON");
        refused(SafetensorsBytes.file("{\"t\":5}"), "is not what it has to be");
        refused(SafetensorsBytes.file("{\"t\":{}}"), "tensor t lacks its dtype");
        refused(SafetensorsBytes.file("{\"t\":{\"dtype\":null}}"), "has no string at $.t.dtype");
        refused(SafetensorsBytes.file("{\"t\":{\"data_offsets\":[1,2,3]}}"), "more than 2 numbers");
        refused(SafetensorsBytes.file("{\"t\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0]}}"),
                "has 1 data_offsets");
        refused(SafetensorsBytes.file("{\"t\":{\"dtype\":\"F32\",\"layout\":1}}"), "unknown member layout");
        refused(SafetensorsBytes.file("{\"t\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}"), "two members named dtype");
        refused(SafetensorsBytes.file("{\"__metadata__\":{\"a\":{}}}"), "has no string at $.__metadata__.a");
        refused(SafetensorsBytes.file("{\"\":{}}"), "a name of 0 characters");
        refused(SafetensorsBytes.file("{\"" + "n".repeat(256) + "\":{}}"), "a name of 256 characters");
        refused(SafetensorsBytes.file(4, "{\"", (byte) 0xff, (byte) 0xff), "not valid UTF-8");
    }

    @Test
    void tensorsNeitherOverlapNorLeaveHolesNorShareNames() {
        refused(SafetensorsBytes.file("{" + tensor("a", 0, 8) + "," + tensor("b", 4, 12) + "}", data(12)),
                "tensor b begins at 4");
        refused(SafetensorsBytes.file("{" + tensor("a", 0, 8) + "," + tensor("b", 12, 16) + "}", data(16)),
                "tensor b begins at 12");
        refused(SafetensorsBytes.file("{" + tensor("a", 0, 8) + "," + tensor("a", 8, 16) + "}", data(16)),
                "two members named a");
        refused(SafetensorsBytes.file("{" + tensor("a", 0, 8) + "," + tensor("\\u0061", 8, 16) + "}", data(16)),
                "two members named a");
    }

    @Test
    void deepOrLongHeadersAreHarmless() {
        String deep = "[".repeat(1_000_000);
        refused(SafetensorsBytes.file("{\"t\":" + deep), "is not what it has to be");
        refused(SafetensorsBytes.file("{\"t\":{\"shape\":" + deep), "has no number at");
        refused(SafetensorsBytes.file("{\"__metadata__\":{\"x\":" + deep), "has no string at");
        refused(SafetensorsBytes.file("{\"" + "n".repeat(8_000_000)), "Unterminated string");
        refused(SafetensorsBytes.file("{" + " ".repeat(9_000_000) + "}"), "more than the 8388608 that are supported");
        StringBuilder many = new StringBuilder("{\"__metadata__\":{\"0\":\"\"");
        for (int i = 1; i <= 1 << 16; i++) {
            many.append(",\"").append(i).append("\":\"\"");
        }
        refused(SafetensorsBytes.file(many + "}}"), "more than 65536 members");
    }

    private static String tensor(String name, int begin, int end) {
        return SafetensorsBytes.entry(name, "F32", "[" + (end - begin) / 4 + "]", begin, end);
    }

    private static byte[] data(int bytes) {
        return new byte[bytes];
    }

    private static Checkpoint open(byte... file) throws IOException {
        return Checkpoint.read(FILE, Arena.ofConfined(), MemorySegment.ofArray(file));
    }

    private static void refused(byte[] file, String problem) {
        assertThatThrownBy(() -> open(file)).isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining(problem).hasMessageStartingWith("some.file: ");
    }
}
