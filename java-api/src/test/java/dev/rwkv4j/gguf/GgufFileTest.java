package dev.rwkv4j.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.rwkv4j.TestData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class GgufFileTest {
    @TempDir
    Path directory;

    @Test
    void everyFileOfLlamaCppOpensAsItsIndexSays() throws IOException {
        Path index = TestData.require("gguf/index.json");
        JsonObject models = JsonParser.parseString(Files.readString(index)).getAsJsonObject().getAsJsonObject("models");
        assertThat(models.size()).isGreaterThan(10);
        for (Map.Entry<String, JsonElement> model : models.entrySet()) {
            JsonObject expected = model.getValue().getAsJsonObject();
            try (GgufFile file = GgufFile.open(index.resolveSibling(expected.get("file").getAsString()))) {
                check(file, expected);
            }
        }
    }

    private static void check(GgufFile file, JsonObject expected) throws IOException {
        String architecture = "rwkv" + expected.get("version").getAsString();
        GgufMetadata metadata = file.metadata();
        assertThat(file.version()).isEqualTo(3);
        assertThat(metadata.getString("general.architecture")).isEqualTo(architecture);
        assertThat(metadata.getInt(architecture + ".block_count")).isEqualTo(expected.get("layers").getAsInt());
        assertThat(metadata.getInt(architecture + ".embedding_length")).isEqualTo(expected.get("width").getAsInt());
        assertThat(metadata.getLong(architecture + ".feed_forward_length"))
                .isEqualTo(expected.get("ffn_width").getAsLong());
        assertThat(metadata.getInt(architecture + ".wkv.head_size")).isEqualTo(expected.get("head_size").getAsInt());
        assertThat(metadata.getFloat(architecture + ".attention.layer_norm_epsilon")).isCloseTo(1e-5f, within(1e-9f));
        assertThat(metadata.getStrings("tokenizer.ggml.tokens")).hasSize(256).startsWith("<s>", "\\x00");
        assertThat(metadata.arrayLength("tokenizer.ggml.token_type")).isEqualTo(256);
        assertThat(metadata.getInts("tokenizer.ggml.token_type")).startsWith(3, 1, 1);
        assertThat(file.tensor("token_embd.weight").dims()).containsExactly(expected.get("width").getAsLong(), 256L);

        Map<String, Integer> types = new TreeMap<>();
        file.tensors().values().forEach(tensor -> {
            types.merge(tensor.type().name(), 1, Integer::sum);
            assertThat(tensor.byteSize()).isEqualTo(tensor.type().bytes(tensor.elements()));
        });
        Map<String, Integer> expectedTypes = new TreeMap<>();
        expected.getAsJsonObject("tensor_types").entrySet()
                .forEach(entry -> expectedTypes.put(entry.getKey(), entry.getValue().getAsInt()));
        assertThat(types).isEqualTo(expectedTypes);
    }

    @Test
    void valuesOfAllTypes() throws IOException {
        GgufBytes bytes = GgufBytes.header(3, 0, 14)
                .key("u8", 0).raw(200).key("i8", 1).raw(200).key("u16", 2).raw(0xff, 0xff).key("i16", 3).raw(0xff, 0xff)
                .key("u32", 4).int32(-1).key("i32", 5).int32(-1).key("f32", 6).int32(Float.floatToIntBits(1.5f))
                .key("bool", 7).raw(1).key("string", 8).string("grüß").key("u64", 10).int64(-1)
                .key("i64", 11).int64(-1).key("f64", 12).int64(Double.doubleToLongBits(2.5))
                .key("empty", 9).int32(8).int64(0).key("floats", 9).int32(6).int64(1).int32(Float.floatToIntBits(0.5f));
        try (GgufFile file = GgufFile.open(bytes.writeTo(directory.resolve("types.gguf")))) {
            GgufMetadata metadata = file.metadata();
            assertThat(metadata.keys()).startsWith("u8", "i8").hasSize(14);
            assertThat(metadata.getInt("u8")).isEqualTo(200);
            assertThat(metadata.getInt("i8")).isEqualTo(-56);
            assertThat(metadata.getInt("u16")).isEqualTo(65535);
            assertThat(metadata.getInt("i16")).isEqualTo(-1);
            assertThat(metadata.getLong("u32")).isEqualTo(0xffff_ffffL);
            assertThat(metadata.getInt("i32")).isEqualTo(-1);
            assertThat(metadata.getFloat("f32")).isEqualTo(1.5f);
            assertThat(metadata.getBoolean("bool")).isTrue();
            assertThat(metadata.getString("string")).isEqualTo("grüß");
            assertThat(metadata.get("u64")).hasToString("18446744073709551615");
            assertThat(metadata.getLong("i64")).isEqualTo(-1);
            assertThat(metadata.getFloat("f64")).isEqualTo(2.5f);
            assertThat(metadata.getStrings("empty")).isEmpty();
            assertThat(metadata.getFloats("floats")).containsExactly(0.5f);
            assertThat(metadata.get("floats")).isEqualTo(List.of(0.5f));

            assertThat(metadata.getInt("absent", 7)).isEqualTo(7);
            assertThat(metadata.getString("absent", "x")).isEqualTo("x");
            assertThat(metadata.getFloat("absent", 1f)).isEqualTo(1f);
            assertThat(metadata.getBoolean("absent", true)).isTrue();

            assertMismatch(() -> metadata.getInt("absent"), "absent", "missing");
            assertMismatch(() -> metadata.getInt("u32"), "u32", "4294967295");
            assertMismatch(() -> metadata.getLong("u64"), "u64", "18446744073709551615");
            assertMismatch(() -> metadata.getInt("string"), "string", "STRING", "an integer");
            assertMismatch(() -> metadata.getInt("f32", 1), "f32", "FLOAT32", "an integer");
            assertMismatch(() -> metadata.getString("u8"), "u8", "UINT8", "a string");
            assertMismatch(() -> metadata.getFloat("i32"), "i32", "INT32", "a float");
            assertMismatch(() -> metadata.getBoolean("u8"), "u8", "UINT8", "a boolean");
            assertMismatch(() -> metadata.getStrings("floats"), "floats", "array of FLOAT32", "array of strings");
            assertMismatch(() -> metadata.arrayLength("u8"), "u8", "UINT8", "an array");
        }
    }

    /** Lengths lie at all distances from the ends of what the reader copies at a time. */
    @Test
    void stringsOfManyLengths() throws IOException {
        List<String> strings = IntStream.range(0, 3000).mapToObj(i -> "é".repeat(i % 8 == 7 ? 3 * i : i % 20)).toList();
        Path path = directory.resolve("strings.gguf");
        new GgufWriter().putStrings("strings", strings).putUint32("after", 5).write(path);
        try (GgufFile file = GgufFile.open(path)) {
            assertThat(file.metadata().getStrings("strings")).isEqualTo(strings);
            assertThat(file.metadata().get("strings")).isEqualTo(strings);
            assertThat(file.metadata().getInt("after")).isEqualTo(5);
        }
    }

    @Test
    void bytesOfStringsAreThoseOfTheFile() throws IOException {
        GgufBytes bytes = GgufBytes.header(3, 0, 1).key("strings", 9).int32(8).int64(3)
                .int64(2).raw(0xff, 0x41).int64(0).string("é");
        try (GgufFile file = GgufFile.open(bytes.writeTo(directory.resolve("bytes.gguf")))) {
            assertThat(file.metadata().getStringBytes("strings"))
                    .isDeepEqualTo(new byte[][]{{(byte) 0xff, 0x41}, {}, "é".getBytes(StandardCharsets.UTF_8)});
            assertThat(file.metadata().getStrings("strings")).containsExactly("\uFFFDA", "", "é");
        }
    }

    private static void assertMismatch(ThrowingCallable call, String... parts) {
        assertThatExceptionOfType(GgufFormatException.class).isThrownBy(call)
                .withMessageContaining("types.gguf").satisfies(e -> assertThat(e.getMessage()).contains(parts));
    }

    @Test
    void closeMayBeCalledTwiceAndEndsAccess() throws IOException {
        GgufFile file = GgufFile.open(GgufBytes.small().writeTo(directory.resolve("small.gguf")));
        GgufTensor tensor = file.tensor("second");
        assertThat(tensor.data().isReadOnly()).isTrue();
        assertThat(tensor.dims()).containsExactly(32L, 2L);
        file.close();
        file.close();
        assertThatIllegalStateException().isThrownBy(() -> tensor.data().get(JAVA_BYTE, 0));
        assertThatIllegalStateException().isThrownBy(() -> file.metadata().getString("general.architecture"));
    }

    @Test
    void missingFileDirectoryAndEmptyFile() throws IOException {
        assertThatExceptionOfType(NoSuchFileException.class)
                .isThrownBy(() -> GgufFile.open(directory.resolve("missing.gguf")));
        assertThatThrownBy(() -> GgufFile.open(directory)).isInstanceOf(IOException.class)
                .hasMessageContaining("is a directory");
        Path empty = Files.createFile(directory.resolve("empty.gguf"));
        assertThatExceptionOfType(GgufFormatException.class).isThrownBy(() -> GgufFile.open(empty))
                .withMessageContaining("empty.gguf").withMessageContaining("empty");
    }

    @Test
    void everyTruncationIsAFormatError() throws IOException {
        byte[] whole = GgufBytes.small().toByteArray();
        // The padding after the last tensor may be missing.
        for (int length = 1; length < whole.length - 28; length++) {
            Path file = Files.write(directory.resolve("cut.gguf"), Arrays.copyOf(whole, length));
            assertThatExceptionOfType(GgufFormatException.class).as("%d bytes", length)
                    .isThrownBy(() -> GgufFile.open(file).close());
        }
        Path file = Files.write(directory.resolve("cut.gguf"), Arrays.copyOf(whole, whole.length - 28));
        GgufFile.open(file).close();
    }

    @Test
    void everyFlippedBitOpensOrIsAFormatError() throws IOException {
        GgufBytes small = GgufBytes.small();
        byte[] bytes = small.toByteArray();
        Path path = directory.resolve("flipped.gguf");
        int refused = 0;
        for (int bit = 0; bit < bytes.length * 8; bit++) {
            bytes[bit / 8] ^= (byte) (1 << bit % 8);
            Files.write(path, bytes);
            try (GgufFile file = GgufFile.open(path)) {
                for (GgufTensor tensor : file.tensors().values()) {
                    tensor.data().get(JAVA_BYTE, tensor.byteSize() - 1);
                }
                for (String key : file.metadata().keys()) {
                    file.metadata().get(key);
                }
            } catch (GgufFormatException e) {
                assertThat(e).hasMessageContaining("flipped.gguf");
                refused++;
            }
            bytes[bit / 8] ^= (byte) (1 << bit % 8);
        }
        assertThat(refused).isGreaterThan(500);
    }

    @Test
    void everyFieldSurvivesExtremeValues() throws IOException {
        GgufBytes small = GgufBytes.small();
        Path path = directory.resolve("lying.gguf");
        for (int field : small.fields()) {
            for (long lie : new long[]{0, -1, Long.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE - 7, 1L << 62, 1L << 61,
                    1L << 32, (1L << 32) - 1, 1L << 31, Integer.MAX_VALUE, 1L << 30, -32}) {
                byte[] bytes = small.toByteArray();
                for (int i = 0; i < 8 && field + i < bytes.length; i++) {
                    bytes[field + i] = (byte) (lie >>> 8 * i);
                }
                Files.write(path, bytes);
                try (GgufFile file = GgufFile.open(path)) {
                    file.tensors().values().forEach(tensor -> tensor.data().get(JAVA_BYTE, tensor.byteSize() - 1));
                } catch (GgufFormatException e) {
                    assertThat(e).hasMessageContaining("lying.gguf");
                }
            }
        }
    }

    static Stream<Arguments> refused() {
        return Stream.of(
                Arguments.of("another format", new GgufBytes().raw('P', 'K', 3, 4, 0, 0), "50 4b 03 04"),
                Arguments.of("one byte", new GgufBytes().raw('G'), "begins with 47,"),
                Arguments.of("version 1", GgufBytes.header(1, 0, 0), "version 1"),
                Arguments.of("version 4", GgufBytes.header(4, 0, 0), "version 4"),
                Arguments.of("version 0", GgufBytes.header(0, 0, 0), "version 0"),
                Arguments.of("big-endian", GgufBytes.header(0x03000000, 0, 0), "big-endian GGUF file (version 3)"),
                Arguments.of("too many keys", GgufBytes.header(3, 0, 1L << 62), "4611686018427387904 metadata keys"),
                Arguments.of("more keys than bytes", GgufBytes.header(3, 0, 4).zeros(50), "4 metadata keys do not fit"),
                Arguments.of("too many tensors", GgufBytes.header(3, -1, 0), "18446744073709551615 tensors do not fit"),
                Arguments.of("keys for a small heap", GgufBytes.header(3, 0, 20000).zeros(20000 * 13), "more than the"),
                Arguments.of("empty key", GgufBytes.header(3, 0, 1).key("", 7).raw(1), "empty metadata key"),
                Arguments.of("key that is no text", GgufBytes.header(3, 0, 1).int64(1).raw(0xff).int32(0).raw(1),
                        "UTF-8"),
                Arguments.of("key twice", GgufBytes.header(3, 0, 2).key("k", 7).raw(1).key("k", 7).raw(1),
                        "k occurs twice"),
                Arguments.of("unknown value type", GgufBytes.header(3, 0, 1).key("k", 13).zeros(8), "unknown type 13"),
                Arguments.of("array of arrays", GgufBytes.header(3, 0, 1).key("k", 9).int32(9).int64(0), "has arrays"),
                Arguments.of("long array", GgufBytes.header(3, 0, 1).key("k", 9).int32(0).int64(1L << 40),
                        "1099511627776"),
                Arguments.of("long string", GgufBytes.header(3, 0, 1).key("k", 8).int64(1L << 32).zeros(9),
                        "4294967296"),
                Arguments.of("odd alignment", GgufBytes.header(3, 0, 1).key("general.alignment", 4).int32(48),
                        "power of two"),
                Arguments.of("no alignment", GgufBytes.header(3, 0, 1).key("general.alignment", 4).int32(0),
                        "power of two"),
                Arguments.of("alignment of another type",
                        GgufBytes.header(3, 0, 1).key("general.alignment", 8).string("32"), "expected an integer"),
                Arguments.of("tensor twice",
                        GgufBytes.header(3, 2, 0).tensor("t", 0, 0, 8).tensor("t", 0, 32, 8).pad(32)
                                .zeros(64),
                        "t occurs twice"),
                Arguments.of("overlapping tensors", GgufBytes.header(3, 2, 0).tensor("a", 0, 0, 8).tensor("b", 0, 0, 8)
                        .pad(32).zeros(64), "tensor b begin at offset 0, expected 32"),
                Arguments.of("gap", GgufBytes.header(3, 2, 0).tensor("a", 0, 0, 8).tensor("b", 0, 64, 8).pad(32)
                        .zeros(128), "offset 64, expected 32"),
                Arguments.of("offset not aligned", GgufBytes.header(3, 1, 0).tensor("a", 0, 1, 8).pad(32).zeros(64),
                        "offset 1, expected 0"),
                Arguments.of("negative offset", GgufBytes.header(3, 1, 0).tensor("a", 0, -32, 8).pad(32).zeros(64),
                        "offset 18446744073709551584"),
                Arguments.of("unknown tensor type", GgufBytes.header(3, 1, 0).tensor("odd", 31, 0, 8).pad(32).zeros(64),
                        "tensor odd has the unknown element type 31 (at byte 47)"),
                Arguments.of("part of a block", GgufBytes.header(3, 1, 0).tensor("a", 8, 0, 31, 32).pad(32).zeros(4096),
                        "no multiple of the 32"),
                Arguments.of("dimension 0", GgufBytes.header(3, 1, 0).tensor("a", 0, 0, 8, 0).pad(32), "dimension 1"),
                Arguments.of("product overflows",
                        GgufBytes.header(3, 1, 0).tensor("a", 0, 0, 1L << 32, 1L << 32).pad(32),
                        "no valid number"),
                Arguments.of("bytes overflow", GgufBytes.header(3, 1, 0).tensor("a", 0, 0, 1L << 62).pad(32), "2^63"),
                Arguments.of("just below 2^63", GgufBytes.header(3, 1, 0).tensor("a", 0, 0, (1L << 61) - 1).pad(32)
                        .zeros(64), "does not fit"),
                Arguments.of("no dimensions", GgufBytes.header(3, 1, 0).tensor("a", 0, 0).zeros(64), "0 dimensions"),
                Arguments.of("five dimensions", GgufBytes.header(3, 1, 0).tensor("a", 0, 0, 1, 1, 1, 1, 1).zeros(64),
                        "5 dimensions"),
                Arguments.of("long name", GgufBytes.header(3, 1, 0).tensor("n".repeat(64), 0, 0, 1).zeros(64),
                        "64 bytes"),
                Arguments.of("data past the end", GgufBytes.header(3, 1, 0).tensor("a", 0, 0, 8).pad(32).zeros(31),
                        "past the end"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("refused")
    void refuses(String what, GgufBytes bytes, String message) throws IOException {
        Path file = bytes.writeTo(directory.resolve("bad.gguf"));
        assertThatExceptionOfType(GgufFormatException.class).isThrownBy(() -> GgufFile.open(file).close())
                .withMessageContaining("bad.gguf").withMessageContaining(message);
    }

    @Test
    void otherAlignmentsAndVersion2() throws IOException {
        GgufBytes bytes = GgufBytes.header(2, 2, 1).key("general.alignment", 4).int32(8)
                .tensor("a", 0, 0, 1).tensor("b", 0, 8, 1).pad(8).int32(1).zeros(4).int32(2);
        try (GgufFile file = GgufFile.open(bytes.writeTo(directory.resolve("aligned.gguf")))) {
            assertThat(file.version()).isEqualTo(2);
            assertThat(file.tensor("a").data().get(GgufHeader.INT, 0)).isEqualTo(1);
            assertThat(file.tensor("b").data().get(GgufHeader.INT, 0)).isEqualTo(2);
        }
    }
}
