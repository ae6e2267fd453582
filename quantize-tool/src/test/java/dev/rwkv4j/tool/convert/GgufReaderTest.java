package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.gguf.GgufWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufReaderTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"4", "5.0", "5.1", "5.2", "6", "7"})
    void ownFilesComeOutAsTheyWentIn(String version) throws IOException {
        for (GgmlType type : List.of(GgmlType.F32, GgmlType.F16)) {
            Path first = fromCheckpoint(version, Conversion.defaults().withType(type).withGroupNormEpsilon(1e-3));
            assertThat(again(first, Conversion.defaults())).hasSameBinaryContentAs(first);
        }
    }

    @Test
    void typesCanBeChanged() throws IOException {
        Path half = fromCheckpoint("7", Conversion.defaults().withType(GgmlType.F16));
        Path single = again(half, Conversion.defaults().withType(GgmlType.F32));
        assertThat(again(single, Conversion.defaults().withType(GgmlType.F16))).hasSameBinaryContentAs(half);
        try (GgufFile file = GgufFile.open(single)) {
            assertThat(file.tensors().values()).allMatch(tensor -> tensor.type() == GgmlType.F32);
        }
    }

    @Test
    void metadataAreCarriedAndOptionsWin() throws IOException {
        Path first = fromCheckpoint("6", Conversion.defaults().withGroupNormEpsilon(1e-3));
        Path changed = again(first, Conversion.defaults().withGroupNormEpsilon(64e-5));
        try (GgufFile file = GgufFile.open(changed)) {
            assertThat(file.metadata().getString("general.name")).isEqualTo("checkpoint");
            assertThat(file.metadata().contains("rwkv6.attention.group_norm_epsilon")).isFalse();
            assertThat(file.metadata().getString("tokenizer.ggml.model")).isEqualTo("none");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"rwkv6-F16", "rwkv6-F32-rescaled", "rwkv7-192-BF16", "rwkv7-192-F16", "rwkv7-256-IQ4_NL",
            "rwkv7-256-Q2_K", "rwkv7-256-Q3_K_M", "rwkv7-256-Q4_0", "rwkv7-256-Q4_1", "rwkv7-256-Q4_K_M",
            "rwkv7-256-Q5_0", "rwkv7-256-Q5_1", "rwkv7-256-Q5_K_M", "rwkv7-256-Q6_K", "rwkv7-256-Q8_0",
            "rwkv7-256-f16"})
    void filesOfLlamaCppKeepTheirTensorsAndMetadata(String name) throws IOException {
        Path source = Golden.file("gguf/" + name + ".gguf");
        try (GgufFile before = GgufFile.open(source);
                GgufFile after = GgufFile.open(again(source, Conversion.defaults()))) {
            assertThat(after.tensors()).containsOnlyKeys(before.tensors().keySet());
            for (GgufTensor tensor : before.tensors().values()) {
                GgufTensor same = after.tensor(tensor.name());
                assertThat(same.type()).as(tensor.name()).isEqualTo(tensor.type());
                assertThat(same.dims()).as(tensor.name()).isEqualTo(tensor.dims());
                assertThat(same.data().mismatch(tensor.data())).as(tensor.name()).isNegative();
            }
            for (String key : before.metadata().keys()) {
                if (!key.equals("general.file_type") && !key.equals("general.size_label")) {
                    assertThat(after.metadata().get(key)).as(key).isEqualTo(before.metadata().get(key));
                }
            }
        }
    }

    /** The data files are made of the golden models, whose tensors the checkpoint gives. */
    @Test
    void filesOfLlamaCppAreTheCheckpointsTheyWereMadeOf() throws IOException {
        Path target = folder.resolve("golden.gguf");
        Conversion.defaults().withType(GgmlType.F16).run(Golden.file("golden/rwkv6.pth"), target,
                ConversionProgress.NONE);
        try (GgufFile ours = GgufFile.open(target);
                GgufFile theirs = GgufFile.open(
                        again(Golden.file("gguf/rwkv6-F16.gguf"), Conversion.defaults()))) {
            for (GgufTensor tensor : theirs.tensors().values()) {
                assertThat(ours.tensor(tensor.name()).data().mismatch(tensor.data())).as(tensor.name()).isNegative();
            }
        }
    }

    @Test
    void otherArchitecturesAreRefused() throws IOException {
        Path file = folder.resolve("other.gguf");
        new GgufWriter().putString("general.architecture", "arwkv7").write(file);
        refused(file, "its architecture is 'arwkv7'");
    }

    @Test
    void tensorsThatAreNotKnownAreNamed() throws IOException {
        Path file = folder.resolve("other.gguf");
        Path good = fromCheckpoint("7", Conversion.defaults());
        try (GgufFile source = GgufFile.open(good)) {
            GgufWriter writer = new GgufWriter().putAll(source.metadata());
            source.tensors().values().forEach(tensor -> copy(tensor, tensor.name(), writer));
            copy(source.tensor("blk.1.attn_norm.weight"), "blk.1.attn_q.weight", writer);
            writer.write(file);
        }
        refused(file, "no tensors blk.1.attn_q.weight");
    }

    @Test
    void impossibleMetadataAreRefused() throws IOException {
        Path good = fromCheckpoint("7", Conversion.defaults());
        refused(with(good, writer -> writer.putUint32("rwkv7.wkv.head_size", 3)), "can't be divided into heads of 3");
        refused(with(good, writer -> writer.putUint32("rwkv7.wkv.head_size", 0)), "can't be divided into heads of 0");
        refused(with(good, writer -> writer.putFloat32("rwkv7.attention.layer_norm_epsilon", -1)), "is -1.0");
        refused(with(good, writer -> writer.putUint32("rwkv7.block_count", 3)), "rwkv7.block_count is 3");
        refused(with(good, writer -> writer.putUint32("rwkv7.embedding_length", 9)), "rwkv7.embedding_length is 9");
    }

    private Path with(Path good, java.util.function.Consumer<GgufWriter> change) throws IOException {
        Path file = folder.resolve("changed.gguf");
        try (GgufFile source = GgufFile.open(good)) {
            GgufWriter writer = new GgufWriter().putAll(source.metadata());
            change.accept(writer);
            source.tensors().values().forEach(tensor -> copy(tensor, tensor.name(), writer));
            writer.write(file);
        }
        return file;
    }

    private static void copy(GgufTensor tensor, String name, GgufWriter writer) {
        writer.addTensor(name, tensor.type(), tensor.dims().stream().mapToLong(Long::longValue).toArray(),
                out -> out.write(tensor.data()));
    }

    private Path fromCheckpoint(String version, Conversion conversion) throws IOException {
        Path source = Files.write(folder.resolve("checkpoint.pth"), PthBytes.of(TinyModel.of(version)));
        Path target = folder.resolve("first.gguf");
        conversion.withOverwrite(true).run(source, target, ConversionProgress.NONE);
        return target;
    }

    private Path again(Path source, Conversion conversion) throws IOException {
        Path target = folder.resolve(source.getFileName() + "-again.gguf");
        conversion.withOverwrite(true).run(source, target, ConversionProgress.NONE);
        return target;
    }

    private void refused(Path file, String problem) {
        assertThatThrownBy(() -> again(file, Conversion.defaults())).isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(file + ": ").hasMessageContaining(problem);
    }
}
