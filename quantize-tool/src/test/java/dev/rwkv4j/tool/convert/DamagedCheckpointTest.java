package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever is in a file: it is converted, or refused with a message that names it. */
class DamagedCheckpointTest {
    private static final Path FILE = Path.of("some.file");

    /** Prime, so that every byte of every kind of number gets its turn. */
    private static final int STEP = 11;

    @TempDir
    private Path folder;

    static byte[][] checkpoints() {
        Map<String, Values> model = TinyModel.of("4");
        return new byte[][]{
                PthBytes.of(model),
                PthBytes.zip(model).add("some/data.pkl", PthBytes.pickle(model).stop()).large().build(),
                LegacyPthBytes.of(model),
                SafetensorsBytes.of(model),
                RwkvCppBytes.of("4", model)};
    }

    @ParameterizedTest
    @MethodSource("checkpoints")
    void everyTruncationIsNoticed(byte[] whole) {
        for (int length = 0; length < whole.length; length += STEP) {
            byte[] part = Arrays.copyOf(whole, length);
            assertThat(refusal(part)).as("the first %s bytes", length).isNotNull()
                    .hasMessageStartingWith("some.file: ");
        }
        assertThat(refusal(whole)).isNull();
    }

    @ParameterizedTest
    @MethodSource("checkpoints")
    void anyFlippedBitIsHarmless(byte[] whole) {
        SplittableRandom random = new SplittableRandom(1);
        int refused = 0;
        for (int i = 0; i < whole.length; i += STEP) {
            byte[] flipped = whole.clone();
            flipped[i] ^= (byte) (1 << random.nextInt(Byte.SIZE));
            CheckpointFormatException refusal = refusal(flipped);
            if (refusal != null) {
                assertThat(refusal).hasMessageStartingWith("some.file: ");
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(100);
    }

    @ParameterizedTest
    @MethodSource("checkpoints")
    void anyNumberMayBeEnormous(byte[] whole) {
        int refused = 0;
        for (int i = 0; i < whole.length - Long.BYTES; i += STEP) {
            byte[] changed = whole.clone();
            Arrays.fill(changed, i, i + Long.BYTES - 1, (byte) 0xff);
            changed[i + Long.BYTES - 1] = 0x7f;
            CheckpointFormatException refusal = refusal(changed);
            if (refusal != null) {
                assertThat(refusal).hasMessageStartingWith("some.file: ");
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(100);
    }

    /** Nothing but this exception may be thrown. */
    private static CheckpointFormatException refusal(byte[] content) {
        try {
            Conversions.dryRun(FILE, content);
            return null;
        } catch (CheckpointFormatException e) {
            return e;
        } catch (IOException e) {
            throw new AssertionError("no file is read here", e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"4", "5.0", "5.1", "5.2", "6", "7"})
    void everyTensorHasToBeThere(String version) {
        for (String name : TinyModel.of(version).keySet()) {
            if (!name.matches("blocks.0.(ln0.weight|att.v[012])")) {
                Map<String, Values> model = TinyModel.of(version);
                model.remove(name);
                assertThat(refusal(PthBytes.of(model))).as(name).isNotNull().hasMessageStartingWith("some.file: ");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"4", "5.0", "5.1", "5.2", "6", "7"})
    void everyTensorHasToFit(String version) {
        for (String name : TinyModel.of(version).keySet()) {
            if (!name.matches("blocks.0.att.v[012]")) {
                Map<String, Values> model = TinyModel.of(version);
                model.put(name, new Values(new long[]{3, 11}, new float[33]));
                assertThat(refusal(PthBytes.of(model))).as(name).isNotNull().hasMessageContaining(" shape ");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"7 blocks.0.ffn.s_emb.weight 7a", "7 blocks.1.qkv.qq.weight 7b",
            "7 blocks.0.ffn.enn.weight RWKV-8", "6 blocks.0.att.gate_w1 6a", "6 blocks.0.att.time_maa_rkvw_w1 6b",
            "4 blocks.0.ffnPre.key.weight ffnPre", "4 tiny_q.weight attention", "4 head_q.weight head",
            "4 pos_emb_x position", "4 blocks.0.ffn.aa memory", "4 blocks.0.att.qq attention",
            "4 blocks.0.att.key.weight_mx original", "4 blocks.0.att.key.weight_ry original",
            "4 blocks.2.ln2.weight blocks.2.ln2.weight", "7 blocks.0.att.time_maa_w2 time_maa_w2",
            "4 something.else something.else"})
    void whatIsNotKnownIsRefusedByName(String example) {
        String[] words = example.split(" ");
        Map<String, Values> model = TinyModel.of(words[0]);
        model.put(words[1], new Values(new long[]{1}, new float[1]));
        assertThat(refusal(PthBytes.of(model))).isNotNull().hasMessageContaining(words[1])
                .hasMessageContaining(words[2]);
    }

    @ParameterizedTest
    @CsvSource({"5.2, time_decay", "6, time_faaaa", "7, r_k"})
    void aFlatVectorTellsNoHeadSize(String version, String name) {
        for (long[] shape : new long[][]{{TinyModel.WIDTH}, {1, 1, TinyModel.WIDTH}}) {
            Map<String, Values> model = TinyModel.of(version);
            model.put("blocks.0.att." + name, new Values(shape, new float[TinyModel.WIDTH]));
            assertThat(refusal(PthBytes.of(model))).isNotNull()
                    .hasMessageContaining("tensor blocks.0.att." + name + " has the shape " + Arrays.toString(shape))
                    .hasMessageContaining("expected [heads, head size]");
        }
    }

    @ParameterizedTest
    @CsvSource({"5.2, time_decay", "6, time_faaaa", "7, r_k"})
    void aModelMayHaveOneHead(String version, String name) throws IOException {
        Map<String, Values> model = TinyModel.of(version);
        model.replaceAll((_, values) -> Arrays.equals(values.shape(), new long[]{TinyModel.HEADS, TinyModel.HEAD_SIZE})
                ? new Values(new long[]{1, TinyModel.WIDTH}, values.data())
                : values);
        assertThat(model.get("blocks.0.att." + name).shape()).containsExactly(1, TinyModel.WIDTH);
        assertThat(refusal(PthBytes.of(model))).isNull();
    }

    @ParameterizedTest
    @MethodSource("hostileNames")
    void namesOfTensorsAreEscapedAndCutInMessages(byte[] checkpoint) {
        assertThat(refusal(checkpoint)).isNotNull().hasMessageContaining("some\\u001b[31m\\u000aname")
                .message().hasSizeLessThan(FILE.toString().length() + 700).doesNotContain("\u001b", "\n");
    }

    static byte[][] hostileNames() {
        Map<String, Values> model = TinyModel.of("4");
        model.put("some\u001b[31m\nname" + "n".repeat(200), new Values(new long[]{1}, new float[1]));
        return new byte[][]{PthBytes.of(model), LegacyPthBytes.of(model), RwkvCppBytes.of("4", model)};
    }

    @ParameterizedTest
    @ValueSource(strings = {"\u0080\u0002other pickle", "PK\u0005\u0006 empty zip", "text", "P", ""})
    void otherFilesAreRefused(String content) throws IOException {
        Path file = Files.writeString(folder.resolve("other"), content, StandardCharsets.ISO_8859_1);
        assertThatThrownBy(() -> Checkpoint.open(file)).isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(file + ": ");
    }

    @Test
    void foldersAndMissingFilesAreRefused() {
        assertThatThrownBy(() -> Checkpoint.open(folder)).isInstanceOf(IOException.class)
                .hasMessageContaining("is a directory that has no checkpoint in it");
        assertThatThrownBy(() -> Checkpoint.open(Files.writeString(folder.resolve("short"), "GGUF but short")))
                .isInstanceOf(GgufFormatException.class).hasMessageContaining("short: ");
        assertThatThrownBy(() -> Checkpoint.open(folder.resolve("missing"))).isInstanceOf(IOException.class)
                .hasMessageContaining("missing");
    }
}
