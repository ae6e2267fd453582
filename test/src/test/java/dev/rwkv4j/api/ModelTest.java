package dev.rwkv4j.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.ModelInfo;
import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.testdata.GgufEdit;
import dev.rwkv4j.testdata.SmallModels;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ModelTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @EnumSource(Version.class)
    void saysWhatItIs(Version version) throws IOException {
        Path file = SmallModels.write(folder, version);
        try (RwkvModel model = RwkvModel.load(file, ModelOptions.defaults().withThreads(1).withChunkTokens(16))) {
            ModelInfo info = model.info();
            assertThat(info.architecture()).isEqualTo(version.architecture());
            assertThat(info.name()).startsWith("random weights");
            assertThat(info.layers()).isEqualTo(SmallModels.LAYERS);
            assertThat(info.width()).isEqualTo(SmallModels.WIDTH);
            assertThat(info.channelMixWidth()).isEqualTo(SmallModels.CHANNEL_MIX_WIDTH);
            assertThat(info.vocabularySize()).isEqualTo(SmallModels.VOCABULARY);
            assertThat(info.headSize()).isEqualTo(version == Version.V4 ? 0 : SmallModels.HEAD_SIZE);
            assertThat(info.threads()).isEqualTo(1);
            assertThat(info.chunkTokens()).isEqualTo(16);
            assertThat(info.tensorBytes()).isPositive().isLessThan(Files.size(file));
            assertThat(info.scratchBytes()).isPositive();
            assertThat(info.parameters()).isPositive();
            try (var state = model.newState()) {
                assertThat(state.toArray()).hasSize(Math.toIntExact(info.stateFloats()));
            }
            assertThat(model.tokenizer().orElseThrow().size()).isEqualTo(SmallModels.VOCABULARY);
        }
    }

    @Test
    void theFingerprintTellsModelsApart() throws IOException {
        Path first = SmallModels.write(folder, Version.V7);
        Path copy = Files.copy(first, folder.resolve("copy.gguf"));
        Path other = SmallModels.write(folder.resolve("other.gguf"), Version.V7, SmallModels.VOCABULARY, 2);
        assertThat(fingerprint(copy)).isEqualTo(fingerprint(first)).hasSize(64);
        assertThat(fingerprint(other)).isNotEqualTo(fingerprint(first));
    }

    private static String fingerprint(Path file) throws IOException {
        try (RwkvModel model = RwkvModel.load(file)) {
            return model.info().fingerprint();
        }
    }

    @Test
    void refusesWhatIsNoFile() throws IOException {
        assertThatThrownBy(() -> RwkvModel.load(folder.resolve("absent.gguf")))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("absent.gguf");
        assertThatThrownBy(() -> RwkvModel.load(folder)).isInstanceOf(IOException.class)
                .hasMessageContaining("directory");
        assertThatThrownBy(() -> RwkvModel.load(Files.createFile(folder.resolve("empty.gguf"))))
                .isInstanceOf(GgufFormatException.class)
                .hasMessageContaining("empty.gguf");
    }

    @ParameterizedTest
    @EnumSource(Version.class)
    void refusesATruncatedFile(Version version) throws IOException {
        byte[] whole = Files.readAllBytes(SmallModels.write(folder, version));
        for (int length = whole.length - 1; length > 0; length -= 997) {
            Path file = Files.write(folder.resolve("short.gguf"), Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> RwkvModel.load(file))
                    .isInstanceOf(GgufFormatException.class)
                    .hasMessageContaining("short.gguf");
        }
    }

    @Test
    void refusesAnotherArchitecture() throws IOException {
        assertRefused(new GgufEdit().put("general.architecture", "llama"), "'llama'", "rwkv7");
    }

    @Test
    void refusesWrongMetadata() throws IOException {
        assertRefused(new GgufEdit().put("rwkv7.block_count", 3), "blk.2.");
        assertRefused(new GgufEdit().put("rwkv7.block_count", "two"), "rwkv7.block_count");
        assertRefused(new GgufEdit().put("rwkv7.block_count", 0xffff_ffffL), "rwkv7.block_count");
        assertRefused(new GgufEdit().put("rwkv7.wkv.head_size", 48), "48");
        assertRefused(new GgufEdit().put("rwkv7.embedding_length", 65), "65");
        assertRefused(new GgufEdit().put("rwkv7.attention.layer_norm_epsilon", Float.NaN), "layer_norm_epsilon", "NaN");
        assertRefused(new GgufEdit().put("rwkv7.attention.group_norm_epsilon", -1f), "group_norm_epsilon", "-1");
    }

    @Test
    void refusesWrongTensors() throws IOException {
        assertRefused(new GgufEdit().remove("blk.1.time_mix_key.weight"), "blk.1.time_mix_key.weight");
        assertRefused(new GgufEdit().add("blk.1.attn_q.weight", GgmlType.F32, 64, 64), "blk.1.attn_q.weight");
        assertRefused(new GgufEdit().replace("blk.0.time_mix_key.weight", GgmlType.F32, 64, 63),
                "blk.0.time_mix_key.weight");
        assertRefused(new GgufEdit().replace("output_norm.weight", GgmlType.F32, 63), "output_norm.weight");
    }

    /** Checks that a model with a change is refused, with a message that names the file and what is wrong. */
    private void assertRefused(GgufEdit edit, String... parts) throws IOException {
        Path good = SmallModels.write(folder, Version.V7);
        Path bad = folder.resolve("bad.gguf");
        edit.apply(good, bad);
        assertThatThrownBy(() -> RwkvModel.load(bad))
                .isInstanceOf(GgufFormatException.class)
                .hasMessageContaining("bad.gguf")
                .hasMessageContainingAll(parts);
    }

    @Test
    void refusesAVocabularyThatDoesNotFit() throws IOException {
        Path vocabulary = Files.writeString(folder.resolve("vocabulary.txt"), tooLongVocabulary());
        Path file = SmallModels.write(folder.resolve("tiny.gguf"), Version.V7, 100, 1);
        assertThatThrownBy(() -> RwkvModel.load(file, ModelOptions.defaults().withVocabulary(vocabulary)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("vocabulary.txt");
    }

    private static String tooLongVocabulary() {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 256; i++) {
            lines.append(i + 1).append(i < 128 ? " '" : " b'").append("\\x%02x".formatted(i)).append("' 1\n");
        }
        return lines.toString();
    }

    @Test
    void checksItsOptions() {
        assertThatThrownBy(() -> ModelOptions.defaults().withThreads(-1)).hasMessageContaining("-1");
        assertThatThrownBy(() -> ModelOptions.defaults().withChunkTokens(-1)).hasMessageContaining("-1");
    }

    @Test
    void withoutTokenizerTextIsRefused() throws IOException {
        Path file = SmallModels.write(folder.resolve("other.gguf"), Version.V7, 300, 1);
        try (RwkvModel model = RwkvModel.load(file); var session = model.newSession()) {
            assertThat(model.tokenizer()).isEmpty();
            assertThatThrownBy(() -> session.feed("text"))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("withVocabulary");
            session.feed(299);
            assertThat(session.logits()).hasSize(300);
        }
    }
}
