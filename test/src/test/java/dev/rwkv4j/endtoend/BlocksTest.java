package dev.rwkv4j.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.Gson;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.TensorCodec;
import dev.rwkv4j.testdata.Difference;
import dev.rwkv4j.testdata.TestData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.util.HexFormat;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The native library's block formats, against bytes and values of ggml. */
class BlocksTest {
    static Stream<String> decodable() throws IOException {
        return vectors().decode.keySet().stream();
    }

    static Stream<String> encodable() throws IOException {
        return vectors().encode.raw.keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("decodable")
    void decodes(String name) throws IOException {
        Decoded expected = vectors().decode.get(name);
        byte[] raw = HexFormat.of().parseHex(expected.raw);
        assertThat(decode(GgmlType.valueOf(name), raw, expected.values.length))
                .satisfies(actual -> assertThat(Difference.relative(actual, expected.values)).isLessThan(1e-6));
    }

    @ParameterizedTest
    @MethodSource("encodable")
    void encodesLikeGgml(String name) throws IOException {
        Encoded vectors = vectors().encode;
        try (Arena arena = Arena.ofConfined()) {
            byte[] expected = HexFormat.of().parseHex(vectors.raw.get(name));
            MemorySegment target = arena.allocate(expected.length);
            TensorCodec.encode(
                    GgmlType.valueOf(name), arena.allocateFrom(ValueLayout.JAVA_FLOAT, vectors.input), target);
            assertThat(target.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
        }
    }

    @Test
    void aSearchLooksAtWhatIsImportant() {
        float[] values = new float[64];
        float[] importance = new float[32];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(i * i);
            importance[i % 32] = i % 32 < 4 ? 100 : 1;
        }
        assertThat(importantError(values, search(values, importance)))
                .isLessThan(importantError(values, search(values, null)));
    }

    private static float[] search(float[] values, float[] importance) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment target = arena.allocate(GgmlType.Q4_0.bytes(values.length));
            MemorySegment weights = importance == null
                    ? MemorySegment.NULL
                    : arena.allocateFrom(ValueLayout.JAVA_FLOAT, importance);
            TensorCodec.encodeWithSearch(
                    GgmlType.Q4_0, arena.allocateFrom(ValueLayout.JAVA_FLOAT, values), 32, weights, target);
            return decode(GgmlType.Q4_0, target.toArray(ValueLayout.JAVA_BYTE), values.length);
        }
    }

    /** Squared error of the first four elements of both rows of 32. */
    private static double importantError(float[] values, float[] decoded) {
        double error = 0;
        for (int i = 0; i < values.length; i++) {
            error += i % 32 < 4 ? Math.pow(values[i] - decoded[i], 2) : 0;
        }
        return error;
    }

    @Test
    void aSearchRefusesAnImportanceOfAnotherLength() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = arena.allocate(ValueLayout.JAVA_FLOAT, 64);
            MemorySegment target = arena.allocate(GgmlType.Q4_0.bytes(64));
            assertThatThrownBy(() -> TensorCodec.encodeWithSearch(GgmlType.Q4_0, floats, 32, floats, target))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("64", "32");
        }
    }

    private static float[] decode(GgmlType type, byte[] raw, int elements) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment target = arena.allocate(ValueLayout.JAVA_FLOAT, elements);
            TensorCodec.decode(type, arena.allocateFrom(ValueLayout.JAVA_BYTE, raw), target);
            return target.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    private static Vectors vectors() throws IOException {
        return new Gson().fromJson(Files.readString(TestData.golden("blocks.json")), Vectors.class);
    }

    /** The fields of the file, by its names. */
    private record Vectors(Map<String, Decoded> decode, Encoded encode) {
    }

    private record Decoded(String raw, double[] values) {
    }

    private record Encoded(float[] input, Map<String, String> raw) {
    }
}
