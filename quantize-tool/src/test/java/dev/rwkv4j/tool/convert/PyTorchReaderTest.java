package dev.rwkv4j.tool.convert;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.TensorCodec;
import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PyTorchReaderTest {
    private static final String MATRIX = "blocks.1.att.key.weight";
    private static final String CONVERTED_MATRIX = "blk.1.time_mix_key.weight";

    private final Map<String, Values> model = TinyModel.of("5.2");

    @TempDir
    private Path folder;

    @Test
    void plainTensorsKeepTheirValues() throws IOException {
        Map<String, float[]> values = Conversions.values(folder, PthBytes.of(model));
        assertThat(values.get("token_embd.weight")).isEqualTo(model.get("emb.weight").data());
        assertThat(values.get("blk.1.channel_mix_value.weight"))
                .isEqualTo(model.get("blocks.1.ffn.value.weight").data());
        assertThat(values.get("output_norm.bias")).isEqualTo(model.get("ln_out.bias").data());
    }

    @Test
    void zip64MeansTheSame() throws IOException {
        byte[] large = PthBytes.zip(model).add("some/data.pkl", PthBytes.pickle(model).stop()).large().build();
        assertThat(Conversions.values(folder, large)).usingRecursiveComparison()
                .isEqualTo(Conversions.values(folder, PthBytes.of(model)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"state_dict", "model"})
    void wrappedTensorsAreFound(String wrapper) throws IOException {
        PickleBytes pickle = new PickleBytes().raw('}').string(wrapper);
        PthBytes.map(pickle, model, "_forward_module.");
        pickle.raw('s').string("epoch").integer(3).raw('s');
        byte[] wrapped = PthBytes.zip(model).add("some/data.pkl", pickle.stop()).build();
        assertThat(Conversions.values(folder, wrapped)).usingRecursiveComparison()
                .isEqualTo(Conversions.values(folder, PthBytes.of(model)));
    }

    @Test
    void attributesOfMapsAreIgnored() throws IOException {
        PickleBytes pickle = PthBytes.pickle(model).raw('}').string("_metadata").emptyMap().raw('s', 'b');
        byte[] file = PthBytes.zip(model).add("some/data.pkl", pickle.stop()).build();
        assertThat(Conversions.values(folder, file)).hasSizeGreaterThan(20);
    }

    @Test
    void viewsAreReadByTheirStrides() throws IOException {
        // Columns of a larger matrix, from its second row and third column on.
        float[] storage = new float[200];
        for (int i = 0; i < storage.length; i++) {
            storage[i] = i;
        }
        byte[] file = with(view("FloatStorage", 200, 22, new long[]{8, 8}, 1, 20), floats(storage));
        float[] expected = new float[64];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = 22 + i / 8 + i % 8 * 20;
        }
        assertThat(Conversions.values(folder, file).get(CONVERTED_MATRIX)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"F32, 8 1", "BF16, 8 1", "F16, 1 20000", "F32, 1 20000"})
    void largeTensorsAreConvertedPieceByPiece(GgmlType type, String strides) throws IOException {
        int rows = 20_000;
        float[] storage = new float[rows * 8];
        for (int i = 0; i < storage.length; i++) {
            storage[i] = i % 251;
        }
        Map<String, Values> rest = without("emb.weight", "head.weight");
        PickleBytes pickle = PthBytes.pickle(rest);
        for (String name : new String[]{"emb.weight", "head.weight"}) {
            pickle.string(name).tensor("FloatStorage", "x", storage.length, 0, new long[]{rows, 8}, numbers(strides))
                    .raw('s');
        }
        byte[] file = PthBytes.zip(rest).add("some/data/x", floats(storage)).add("some/data.pkl", pickle.stop())
                .build();
        // All of these numbers have an exact place in every type.
        Path source = Files.write(folder.resolve("large.pth"), file);
        Path target = folder.resolve("large.gguf");
        Conversion.defaults().withType(type).run(source, target, ConversionProgress.NONE);
        try (GgufFile gguf = GgufFile.open(target); Arena arena = Arena.ofConfined()) {
            MemorySegment floats = arena.allocate(JAVA_FLOAT, storage.length);
            TensorCodec.decode(type, gguf.tensor("output.weight").data(), floats);
            long[] stride = numbers(strides);
            for (int i = 0; i < storage.length; i++) {
                assertThat(floats.getAtIndex(JAVA_FLOAT, i))
                        .isEqualTo(storage[(int) (i / 8 * stride[0] + i % 8 * stride[1])]);
            }
        }
    }

    @Test
    void parametersAreTensors() throws IOException {
        PickleBytes pickle = PthBytes.pickle(without(MATRIX)).raw('(').string(MATRIX)
                .global("torch._utils", "_rebuild_parameter").raw('(')
                .tensor("FloatStorage", "x", 64, 0, new long[]{8, 8}, 8, 1).raw(0x88).emptyMap().raw('t', 'R', 'u');
        byte[] file = PthBytes.zip(without(MATRIX)).add("some/data/x", floats(model.get(MATRIX).data()))
                .add("some/data.pkl", pickle.stop()).build();
        assertThat(Conversions.values(folder, file).get(CONVERTED_MATRIX)).isEqualTo(model.get(MATRIX).data());
    }

    @Test
    void doublesAreRoundedToFloats() throws IOException {
        double[] doubles = new double[64];
        for (int i = 0; i < doubles.length; i++) {
            doubles[i] = 1.0 / (i + 3);
        }
        byte[] file = with(view("DoubleStorage", 64, 0, new long[]{8, 8}, 8, 1),
                new LittleEndian().doubles(doubles).toByteArray());
        Map<String, float[]> values = Conversions.values(folder, file, Conversion.defaults());
        for (int i = 0; i < doubles.length; i++) {
            assertThat(values.get(CONVERTED_MATRIX)[i]).isEqualTo((float) doubles[i]);
        }
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {
            "200,      137,  8 8,  8 1,      larger than its storage",
            "64,       1,    8 8,  8 1,      larger than its storage",
            "64,       0,    8 8,  0 1,      -",
            "7,        0,    8 8,  0 0,      larger than its storage",
            "64,       -1,   8 8,  8 1,      impossible shape",
            "64,       0,    8 8,  -8 1,     impossible shape",
            "64,       0,    8 -8, 8 1,      impossible shape",
            "64,       0,    8 0,  8 1,      impossible shape",
            "64,       0,    8 8,  8 1 1,    impossible shape",
            "64,       0,    8 8,  9223372036854775807 1, impossible shape",
            "64,       0,    4611686018427387904 4, 0 0,  impossible shape",
            "64,       9223372036854775807, 8 8, 8 1,     impossible shape",
            "64,       0,    8 8 1 1 1 1 1 1 1, 8 1 1 1 1 1 1 1 1, impossible shape",
            "9223372036854775807, 0, 8 8, 8 1, too few for 9223372036854775807 elements",
            "201,      0,    8 8,  8 1,      too few for 201 elements",
            "-1,       0,    8 8,  8 1,      not a storage"})
    void tensorsLieInTheirStorage(long count, long offset, String size, String strides, String problem)
            throws IOException {
        byte[] file = with(view("FloatStorage", count, offset, numbers(size), numbers(strides)),
                floats(new float[200]));
        if (problem == null) {
            assertThat(Conversions.values(folder, file)).containsKey(CONVERTED_MATRIX);
        } else {
            refused(file, problem);
        }
    }

    @Test
    void integersAreNoWeights() {
        refused(with(view("CharStorage", 64, 0, new long[]{8, 8}, 8, 1), new byte[64]),
                "tensor " + MATRIX + " holds integers (CharStorage)");
    }

    @Test
    void missingStoragesAreNamed() {
        PickleBytes pickle = PthBytes.pickle(model);
        refused(new ZipBytes().add("some/data.pkl", pickle.stop()).build(), "there is no member some/data/0");
    }

    @Test
    void convertedFilesOfTheOfficialPackageAreRefused() {
        PickleBytes pickle = PthBytes.pickle(model).raw('(').string("_strategy").string("cpu fp32").raw('u');
        refused(PthBytes.zip(model).add("some/data.pkl", pickle.stop()).build(), "convert the original checkpoint");
    }

    @Test
    void otherEntriesAreNamed() {
        PickleBytes pickle = PthBytes.pickle(model).raw('(').string("step").integer(5).raw('u');
        refused(PthBytes.zip(model).add("some/data.pkl", pickle.stop()).build(), "the entry step is not a tensor");
    }

    @Test
    void namesAreUniqueWithoutTheirPrefixesToo() {
        PickleBytes pickle = PthBytes.pickle(model).raw('(').string("module." + MATRIX)
                .tensor("FloatStorage", "0", 64, 0, new long[]{8, 8}, 8, 1).raw('u');
        refused(PthBytes.zip(model).add("some/data.pkl", pickle.stop()).build(), "two tensors are named " + MATRIX);
    }

    @Test
    void zipFilesOfOthersAreRefused() {
        refused(new ZipBytes().add("word/document.xml", new byte[100]).build(), "not one of PyTorch");
        refused(new ZipBytes().add("a/data.pkl", new byte[9]).add("b/data.pkl", new byte[9]).build(), "two members");
    }

    @Test
    void compressedMembersAreRefused() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.putNextEntry(new ZipEntry("some/data.pkl"));
            zip.write(PthBytes.pickle(model).stop());
            zip.closeEntry();
        }
        refused(bytes.toByteArray(), "member some/data.pkl is compressed");
    }

    @Test
    void bigEndianFilesAreRefused() {
        byte[] file = new ZipBytes().add("some/byteorder", "big".getBytes(StandardCharsets.US_ASCII))
                .add("some/data.pkl", PthBytes.pickle(model).stop()).build();
        refused(file, "little-endian");
    }

    @Test
    void bfloat16IsKeptAndHalfIsTooSmallForSomeOfIt() {
        LittleEndian data = new LittleEndian();
        for (int i = 0; i < 64; i++) {
            data.u2(0x4780); // 65536
        }
        byte[] file = with(view("BFloat16Storage", 64, 0, new long[]{8, 8}, 8, 1), data.toByteArray());
        assertThatThrownBy(
                () -> Conversions.values(folder, file, Conversion.defaults().withType(GgmlType.F16)))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("tensor " + MATRIX + " holds 65536.0").hasMessageContaining("F16");
    }

    private Map<String, Values> without(String... names) {
        Map<String, Values> rest = new LinkedHashMap<>(model);
        rest.keySet().removeAll(List.of(names));
        return rest;
    }

    private static byte[] floats(float... values) {
        return new LittleEndian().floats(values).toByteArray();
    }

    private static long[] numbers(String text) {
        return Arrays.stream(text.split(" ")).mapToLong(Long::parseLong).toArray();
    }

    /** The model with one matrix described otherwise. */
    private PickleBytes view(String type, long count, long offset, long[] size, long... strides) {
        return PthBytes.pickle(without(MATRIX)).raw('(').string(MATRIX)
                .tensor(type, "x", count, offset, size, strides).raw('u');
    }

    private byte[] with(PickleBytes pickle, byte[] storage) {
        return PthBytes.zip(without(MATRIX)).add("some/data/x", storage).add("some/data.pkl", pickle.stop()).build();
    }

    private void refused(byte[] file, String problem) {
        assertThatThrownBy(() -> Conversions.values(folder, file)).isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining(problem).hasMessageStartingWith(folder.toString());
    }
}
