package dev.rwkv4j.tool.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.tool.random.ModelShape.LowRanks;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class RandomModelTest {
    private static final LowRanks RANKS = new LowRanks(4, 6, 8, 10, 12);

    @TempDir
    private Path folder;

    @Test
    void aSeedMeansAFile() throws IOException {
        ModelShape shape = new ModelShape(Version.V7, 2, 64, 32, 100, 3000, RANKS);
        Path first = write(shape, GgmlType.Q8_0, 1);
        Path second = folder.resolve("second.gguf");
        new RandomModel(shape, MatrixTypes.uniform(GgmlType.Q8_0), 1).write(second, _ -> {
        });
        assertThat(second).hasSameBinaryContentAs(first);
        new RandomModel(shape, MatrixTypes.uniform(GgmlType.Q8_0), 2).write(second, _ -> {
        });
        assertThat(Files.mismatch(first, second)).isNotNegative();
    }

    @ParameterizedTest
    @EnumSource(Version.class)
    void metadataAndTensorsTellTheSame(Version version) throws IOException {
        ModelShape shape = new ModelShape(version, 3, 64, 32, 100, 50, RANKS);
        try (GgufFile file = GgufFile.open(write(shape, GgmlType.F16, 1))) {
            String architecture = file.metadata().getString("general.architecture");
            assertThat(file.metadata().getInt(architecture + ".embedding_length")).isEqualTo(64);
            assertThat(file.metadata().getInt(architecture + ".block_count")).isEqualTo(3);
            assertThat(file.tensor("token_embd.weight").dims()).containsExactly(64L, 50L);
            assertThat(file.tensor("token_embd.weight").type()).isEqualTo(GgmlType.F16);
            assertThat(file.tensor("blk.2.channel_mix_value.weight").dims()).containsExactly(100L, 64L);
            assertThat(file.tensors()).doesNotContainKey("blk.3.attn_norm.weight");
            assertThat(file.tensors().containsKey("blk.0.time_mix_gate.weight"))
                    .isEqualTo(version == Version.V5_2 || version == Version.V6);
        }
    }

    @ParameterizedTest
    @CsvSource({"F32, 0", "F16, 1", "Q4_0, 2", "Q8_0, 7", "Q4_K, 15", "BF16, 32"})
    void saysOfWhatTypeTheFileIs(GgmlType type, int number) throws IOException {
        ModelShape shape = new ModelShape(Version.V7, 2, 256, 64, 512, 1000, RANKS);
        try (GgufFile file = GgufFile.open(write(shape, type, 1))) {
            assertThat(file.metadata().getInt("general.file_type")).isEqualTo(number);
        }
    }

    @ParameterizedTest
    @CsvSource({"Q2_K, Q4_0", "Q3_K, Q4_0", "Q4_K, Q5_0", "Q5_K, Q5_1", "Q6_K, Q8_0", "IQ4_NL, IQ4_NL"})
    void typesThatDoNotFitFallBackAsLlamaQuantizeDoes(GgmlType asked, GgmlType instead) throws IOException {
        ModelShape shape = new ModelShape(Version.V7, 1, 96, 32, 50, 10, RANKS);
        try (GgufFile file = GgufFile.open(write(shape, asked, 1))) {
            assertThat(file.tensor("blk.0.time_mix_key.weight").type()).isEqualTo(instead);
            assertThat(file.tensor("blk.0.channel_mix_value.weight").type()).isEqualTo(GgmlType.F16);
            assertThat(file.tensor("blk.0.time_mix_a1.weight").type()).isEqualTo(GgmlType.F16);
            assertThat(file.tensor("blk.0.time_mix_w1.weight").type()).isEqualTo(GgmlType.F32);
        }
    }

    @Test
    void aFailureLeavesNothingBehind() {
        RandomModel model = new RandomModel(
                new ModelShape(Version.V4, 1, 256, 0, 256, 10, LowRanks.NONE), MatrixTypes.uniform(GgmlType.Q2_K), 1);
        assertThatThrownBy(() -> model.write(folder.resolve("model.gguf"), _ -> {
            throw new IllegalStateException("stop");
        })).isInstanceOf(IllegalStateException.class).hasMessage("stop");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void shapesAreChecked() {
        assertThatThrownBy(() -> new ModelShape(Version.V6, 1, 100, 64, 100, 10, RANKS))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("100")
                .hasMessageContaining("64");
        assertThatThrownBy(() -> new ModelShape(Version.V7, 1, 64, 64, 100, 10, LowRanks.NONE))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("decay rank");
    }

    @Test
    void tellsHowFarItIs() throws IOException {
        List<Double> heard = new ArrayList<>();
        new RandomModel(
                new ModelShape(Version.V4, 1, 32, 0, 32, 10, LowRanks.NONE),
                MatrixTypes.uniform(GgmlType.F32),
                1)
                .write(folder.resolve("model.gguf"), heard::add);
        assertThat(heard).isSorted().endsWith(1.0);
    }

    @Test
    void outputsOfMatricesHaveUnitVariance() throws IOException {
        ModelShape shape = new ModelShape(Version.V4, 1, 256, 0, 1024, 2000, LowRanks.NONE);
        try (GgufFile file = GgufFile.open(write(shape, GgmlType.F32, 1))) {
            assertThat(power(file, "output.weight") * 256).isCloseTo(1, within(0.02));
            assertThat(power(file, "blk.0.channel_mix_value.weight") * 1024 * 1.5).isCloseTo(1, within(0.02));
        }
    }

    @Test
    void publishedShapesHaveTheirNumberOfParameters() {
        assertThat(parameters("rwkv4-169m") / 1e6).isBetween(165.0, 195.0);
        assertThat(parameters("rwkv6-1.6b") / 1e9).isBetween(1.55, 1.65);
        assertThat(parameters("rwkv7-0.1b") / 1e6).isBetween(188.0, 194.0);
        assertThat(parameters("rwkv7-1.5b") / 1e9).isBetween(1.5, 1.56);
        assertThat(parameters("rwkv7-13.3b") / 1e9).isBetween(13.1, 13.4);
    }

    private static long parameters(String name) {
        return TensorPlan.of(PublishedShapes.all().get(name)).stream()
                .mapToLong(TensorPlan::elements)
                .sum();
    }

    /** Mean square. */
    private static double power(GgufFile file, String name) throws IOException {
        float[] values = file.tensor(name).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        double sum = 0;
        for (float value : values) {
            sum += value * value;
        }
        return sum / values.length;
    }

    private Path write(ModelShape shape, GgmlType type, long seed) throws IOException {
        Path file = folder.resolve("model.gguf");
        new RandomModel(shape, MatrixTypes.uniform(type), seed).write(file, _ -> {
        });
        return file;
    }
}
