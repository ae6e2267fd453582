package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RwkvCppReaderTest {
    /** What is lost where a decay went through two exponentials in single precision; its values are between -1 and 1. */
    private static final float DECAY_ROUNDING = 1e-6f;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"4", "5.0", "5.1", "5.2", "6", "7"})
    void meansWhatTheCheckpointMeant(String version) throws IOException {
        Map<String, Values> model = TinyModel.of(version);
        Map<String, float[]> expected = Conversions.values(folder, PthBytes.of(model));
        Map<String, float[]> actual = Conversions.values(folder, RwkvCppBytes.of(version, model));
        assertThat(actual).containsOnlyKeys(expected.keySet());
        expected.forEach((name, values) -> {
            float tolerance = name.contains("decay") || name.contains("first") ? DECAY_ROUNDING : 0;
            for (int i = 0; i < values.length; i++) {
                assertThat(actual.get(name)[i]).as(name).isCloseTo(values[i], within(tolerance));
            }
        });
    }

    @Test
    void decaysBeyondTheRangeOfFloatsBecomeFinite() throws IOException {
        assertThat(decayOf52(0)).isEqualTo(5);
        assertThat(decayOf52(1)).isEqualTo(-20);
        assertThatThrownBy(() -> decayOf52(1.5f)).isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("tensor blocks.0.att.time_decay holds 1.5");
        Map<String, Values> model = TinyModel.of("4");
        model.put("blocks.0.att.time_decay", new Values(new long[]{8}, new float[]{-200, 1, 1, 1, 1, 1, 1, 1}));
        assertThat(Conversions.values(folder, RwkvCppBytes.of("4", model)).get("blk.0.time_mix_decay.weight")[0])
                .isLessThan(-80).isGreaterThan(-200);
    }

    /** Replaces the first decay as the file has it. */
    private float decayOf52(float stored) throws IOException {
        Map<String, Values> model = TinyModel.of("5.2");
        byte[] file = RwkvCppBytes.of("5.2", model);
        LittleEndian name = new LittleEndian().text("blocks.0.att.time_decay");
        int at = indexOf(file, name.toByteArray()) + name.size();
        System.arraycopy(new LittleEndian().floats(stored).toByteArray(), 0, file, at, Float.BYTES);
        return Conversions.values(folder, file).get("blk.0.time_mix_decay.weight")[0];
    }

    private static int indexOf(byte[] file, byte[] part) {
        int at = 0;
        while (!Arrays.equals(file, at, at + part.length, part, 0, part.length)) {
            at++;
        }
        return at;
    }

    @ParameterizedTest
    @CsvSource({"1, F16, 2, 1", "2, Q4_0, 18, 32", "7, Q5_0, 22, 32", "9, Q8_0, 34, 32", "15, Q6_K, 210, 256"})
    void blocksAreCopied(int number, GgmlType type, int blockBytes, int blockElements) throws IOException {
        byte[] blocks = new byte[blockBytes * TinyModel.VOCABULARY * 256 / blockElements];
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = (byte) (i * 31 % 60);
        }
        byte[] file = wideModel(number, blocks);
        Path source = Files.write(folder.resolve("wide.bin"), file);
        Conversion.defaults().run(source, folder.resolve("wide.gguf"), ConversionProgress.NONE);
        try (GgufFile gguf = GgufFile.open(folder.resolve("wide.gguf"))) {
            assertThat(gguf.tensor("output.weight").type()).isEqualTo(type);
            assertThat(gguf.tensor("output.weight").data().toArray(ValueLayout.JAVA_BYTE))
                    .isEqualTo(blocks);
        }
    }

    /** A model of version 4 with one layer, 256 wide; all zeros but for the head. */
    private static byte[] wideModel(int headType, byte[] head) {
        Map<String, Values> tensors = new LinkedHashMap<>();
        long[] vector = {256};
        for (String norm : new String[]{"ln_out", "blocks.0.ln1", "blocks.0.ln2"}) {
            tensors.put(norm + ".weight", new Values(vector, new float[256]));
            tensors.put(norm + ".bias", new Values(vector, new float[256]));
        }
        for (String name : new String[]{"att.time_decay", "att.time_first", "att.time_mix_k", "att.time_mix_v",
                "att.time_mix_r", "ffn.time_mix_k", "ffn.time_mix_r"}) {
            tensors.put("blocks.0." + name, new Values(vector, new float[256]));
        }
        for (String name : new String[]{"att.key", "att.value", "att.receptance", "att.output", "ffn.key", "ffn.value",
                "ffn.receptance"}) {
            tensors.put("blocks.0." + name + ".weight", new Values(new long[]{256, 256}, new float[256 * 256]));
        }
        tensors.put("emb.weight", new Values(new long[]{TinyModel.VOCABULARY, 256}, new float[16 * 256]));
        LittleEndian file = new LittleEndian().text("fmgg").i4(101).i4(TinyModel.VOCABULARY).i4(256).i4(1).i4(headType);
        tensors.forEach((name, values) -> RwkvCppBytes.tensor(file, name, 0, values.shape()).floats(values.data()));
        RwkvCppBytes.tensor(file, "head.weight", headType, TinyModel.VOCABULARY, 256).raw(head);
        return file.toByteArray();
    }

    @Test
    void damagedHeadersAreRefused() {
        refused(RwkvCppBytes.header(102), "version 102");
        refused(RwkvCppBytes.header(101), "the header says 2 layers of width 8");
        refused(tensor(100, 2, 32, 32), "quantised as version 100");
        refused(tensor(101, 4, 32, 32), "unknown type 4");
        refused(tensor(101, 10, 256), "unknown type 10");
        refused(tensor(101, 16, 256), "unknown type 16");
        refused(tensor(101, 2, 32, 31), "impossible dimensions");
        refused(tensor(101, 0, 0, 1), "impossible dimensions");
        refused(tensor(101, 0, -1, 1), "impossible dimensions");
        refused(tensor(101, 0, Integer.MAX_VALUE, Integer.MAX_VALUE, Integer.MAX_VALUE), "impossible dimensions");
        refused(tensor(101, 0, Integer.MAX_VALUE, 1 << 20), "damaged or incomplete");
        refused(tensor(101, 0, 1, 1, 1, 1), "4 dimensions");
        refused(tensor(101, 0), "0 dimensions");
        refused(RwkvCppBytes.header(101).i4(1).i4(0).i4(0), "a name of 0 bytes");
        refused(RwkvCppBytes.header(101).i4(1).i4(-1).i4(0), "a name of -1 bytes");
        refused(RwkvCppBytes.header(101).i4(1).i4(2).i4(0).i4(1).raw((byte) 0xc3, (byte) 0x28), "not valid UTF-8");
        refused(RwkvCppBytes.tensor(tensor(101, 0, 1).floats(1), "x", 0, 1).floats(1), "two tensors are named x");
    }

    private static LittleEndian tensor(int version, int type, long... shape) {
        return RwkvCppBytes.tensor(RwkvCppBytes.header(version), "x", type, shape);
    }

    private void refused(LittleEndian file, String problem) {
        assertThatThrownBy(() -> Conversions.values(folder, file.toByteArray()))
                .isInstanceOf(CheckpointFormatException.class).hasMessageContaining(problem)
                .hasMessageStartingWith(folder.toString());
    }
}
