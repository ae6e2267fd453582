package dev.rwkv4j.tool.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.gguf.TensorCodec;
import dev.rwkv4j.tool.convert.CheckpointFormatException;
import dev.rwkv4j.tool.convert.ConversionProgress;
import dev.rwkv4j.tool.convert.ConversionResult;
import dev.rwkv4j.tool.convert.ModelSource.Additions;
import dev.rwkv4j.tool.convert.ModelWriter;
import dev.rwkv4j.tool.random.MatrixTypes;
import dev.rwkv4j.tool.random.ModelShape;
import dev.rwkv4j.tool.random.ModelShape.LowRanks;
import dev.rwkv4j.tool.random.ModelShape.Version;
import dev.rwkv4j.tool.random.RandomModel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizationTest {
    /** What only has to be there. */
    private static final String MEANINGLESS = "blk\\.0\\.time_mix_v[012]\\.weight";

    private static final LowRanks RANKS = new LowRanks(32, 32, 64, 32, 20);

    @TempDir
    private Path folder;

    private Path source;
    private Path target;

    @BeforeEach
    void writeModel() throws IOException {
        source = folder.resolve("model.gguf");
        target = folder.resolve("quantized.gguf");
        writeModel(Version.V7, 256, 1000, GgmlType.F32);
    }

    private void writeModel(Version version, int width, int vocabulary, GgmlType type) throws IOException {
        ModelShape shape = new ModelShape(version, 2, width, 32, 2 * width, vocabulary, RANKS);
        new RandomModel(shape, MatrixTypes.uniform(type), 1).write(source, _ -> {
        });
    }

    @ParameterizedTest
    @EnumSource(GgmlType.class)
    void largeMatricesAreWhatTheCodecMakesOfThem(GgmlType type) throws IOException {
        run(to(type.name()));
        int large = 0;
        try (GgufFile before = GgufFile.open(source); GgufFile after = GgufFile.open(target)) {
            assertThat(after.tensors().keySet()).containsExactlyInAnyOrderElementsOf(before.tensors().keySet());
            for (GgufTensor tensor : after.tensors().values()) {
                GgufTensor original = before.tensor(tensor.name());
                boolean isLarge = tensor.name().matches(
                        "(token_embd|output|.*mix_(receptance|key|value|output))\\.weight");
                large += isLarge ? 1 : 0;
                assertThat(tensor.dims()).isEqualTo(original.dims());
                assertThat(tensor.type()).as(tensor.name()).isEqualTo(isLarge ? type : original.type());
                if (!tensor.name().matches(MEANINGLESS)) {
                    assertThat(tensor.data().mismatch(encoded(original, tensor.type()))).as(tensor.name())
                            .isEqualTo(-1);
                }
            }
        }
        assertThat(large).isEqualTo(2 + 2 * 6);
    }

    /** Of a tensor of floats. */
    private static MemorySegment encoded(GgufTensor tensor, GgmlType type) {
        MemorySegment floats = Arena.ofAuto().allocate(tensor.elements() * Float.BYTES, Float.BYTES);
        TensorCodec.decode(tensor.type(), tensor.data(), floats);
        MemorySegment encoded = Arena.ofAuto().allocate(type.bytes(tensor.elements()), Float.BYTES);
        if (type == GgmlType.Q8_0) {
            TensorCodec.encode(type, floats, encoded);
        } else {
            TensorCodec.encodeWithSearch(type, floats, tensor.dims().getFirst(), MemorySegment.NULL, encoded);
        }
        return encoded;
    }

    @ParameterizedTest
    @CsvSource({"V4, Q4_K, Q4_K, Q5_K, Q4_K, Q5_K, Q6_K", "V5_2, Q4_K, Q4_K, Q5_K, Q4_K, Q5_K, Q6_K",
            "V6, Q4_K, Q4_K, Q5_K, Q4_K, Q5_K, Q6_K", "V7, Q4_K, Q4_K, Q5_K, Q4_K, Q5_K, Q6_K"})
    void mixesGoByWhatAMatrixDoes(Version version, GgmlType receptance, GgmlType channelKey, GgmlType timeValue,
            GgmlType channelValue, GgmlType embedding, GgmlType head) throws IOException {
        writeModel(version, 256, 1000, GgmlType.F16);
        Map<String, GgmlType> types = types(to("q4_m"));
        assertThat(types).containsEntry("blk.1.time_mix_receptance.weight", receptance)
                .containsEntry("blk.1.channel_mix_key.weight", channelKey)
                .containsEntry("blk.1.time_mix_value.weight", timeValue)
                .containsEntry("blk.1.time_mix_output.weight", timeValue)
                .containsEntry("blk.1.channel_mix_value.weight", channelValue)
                .containsEntry("token_embd.weight", embedding)
                .containsEntry("output.weight", head)
                .containsEntry("blk.1.attn_norm.weight", GgmlType.F32)
                .containsEntry("blk.1.time_mix_lerp_fused.weight", GgmlType.F32);
    }

    @Test
    void mixesShortenLowRankMatrices() throws IOException {
        Map<String, GgmlType> types = types(to("Q4_M"));
        assertThat(types).containsEntry("blk.1.time_mix_a1.weight", GgmlType.Q8_0)
                .containsEntry("blk.1.time_mix_v2.weight", GgmlType.Q8_0)
                .containsEntry("blk.1.time_mix_w1.weight", GgmlType.F16)
                .containsEntry("blk.1.time_mix_w2.weight", GgmlType.F16)
                .as("rows of 20").containsEntry("blk.1.time_mix_g2.weight", GgmlType.F16);
        writeModel(Version.V6, 256, 1000, GgmlType.F16);
        assertThat(types(to("Q4_M"))).containsEntry("blk.1.time_mix_w2.weight", GgmlType.F16)
                .containsEntry("blk.1.time_mix_decay_w1.weight", GgmlType.F16)
                .containsEntry("blk.1.time_mix_first.weight", GgmlType.F32);
    }

    @ParameterizedTest
    @CsvSource({"Q4_K, Q5_0", "Q5_K, Q5_1", "Q6_K, Q8_0", "Q3_K, Q4_0", "Q2_K, Q4_0", "Q4_1, Q4_1"})
    void rowsThatAreNoMultipleOf256FallBack(GgmlType wanted, GgmlType expected) throws IOException {
        writeModel(Version.V7, 96, 300, GgmlType.F16);
        assertThat(types(to(wanted.name()))).containsEntry("blk.0.time_mix_key.weight", expected)
                .containsEntry("output.weight", expected);
    }

    @Test
    void overridesComeBeforeTheMixAndTheLastOneCounts() throws IOException {
        Quantization quantization = to("Q4_0").withOverride(new TypeOverride("blk.*", GgmlType.Q8_0))
                .withOverride(new TypeOverride("blk.?.time_mix_?1.weight", GgmlType.BF16))
                .withOverride(new TypeOverride("blk.1.*_value.weight", GgmlType.Q5_1));
        assertThat(types(quantization)).containsEntry("output.weight", GgmlType.Q4_0)
                .containsEntry("blk.0.channel_mix_value.weight", GgmlType.Q8_0)
                .containsEntry("blk.1.channel_mix_value.weight", GgmlType.Q5_1)
                .containsEntry("blk.1.time_mix_value.weight", GgmlType.Q5_1)
                .containsEntry("blk.1.time_mix_w1.weight", GgmlType.BF16)
                .containsEntry("blk.1.time_mix_w2.weight", GgmlType.Q8_0)
                .containsEntry("blk.1.time_mix_w0.weight", GgmlType.F32)
                .containsEntry("blk.0.attn_norm.weight", GgmlType.F32);
    }

    @ParameterizedTest
    @ValueSource(strings = {"blk.7.*", "output", "*attn_norm*", "token.embd.weight", "\\E.*\\Q"})
    void anOverrideForNoMatrixIsRefused(String pattern) {
        Quantization quantization = to("Q4_0").withOverride(new TypeOverride("output.*", GgmlType.Q8_0))
                .withOverride(new TypeOverride(pattern, GgmlType.Q8_0));
        assertThatThrownBy(() -> quantization.plan(source)).isInstanceOf(FileSystemException.class)
                .hasMessageContaining("model.gguf").hasMessageEndingWith("no matrix of this model has a name like "
                        + pattern);
    }

    @Test
    void aPlanIsWhatIsMadeAndWritesNothing() throws IOException {
        QuantizationPlan plan = to("Q5_M").plan(source);
        assertThat(folder).isDirectoryContaining(source::equals).isDirectoryNotContaining(file -> !file.equals(source));
        run(to("Q5_M"));
        try (GgufFile before = GgufFile.open(source); GgufFile after = GgufFile.open(target)) {
            assertThat(plan.tensors()).extracting(QuantizationPlan.Tensor::name)
                    .containsExactlyElementsOf(after.tensors().keySet());
            for (QuantizationPlan.Tensor planned : plan.tensors()) {
                GgufTensor made = after.tensor(planned.name());
                assertThat(planned.to()).isEqualTo(made.type());
                assertThat(planned.from()).isEqualTo(before.tensor(planned.name()).type());
                assertThat(planned.dims()).isEqualTo(made.dims());
                assertThat(planned.bytes()).isEqualTo(made.byteSize());
            }
            assertThat(plan.bytes())
                    .isEqualTo(after.tensors().values().stream().mapToLong(GgufTensor::byteSize).sum());
            assertThat(plan.sourceBytes())
                    .isEqualTo(before.tensors().values().stream().mapToLong(GgufTensor::byteSize).sum());
        }
        assertThat(plan.bitsPerWeight()).isBetween(5.5, 9.0);
    }

    @Test
    void whatIsQuantizedIsNotQuantizedAgainUnlessAllowed() throws IOException {
        writeModel(Version.V7, 256, 1000, GgmlType.Q8_0);
        assertThatThrownBy(() -> run(to("Q4_0"))).isInstanceOf(FileSystemException.class)
                .hasMessageContaining("model.gguf")
                .hasMessageContaining("token_embd.weight is quantised already, as Q8_0")
                .hasMessageContaining("--requantize");
        assertThatThrownBy(() -> to("Q4_0").plan(source)).isInstanceOf(FileSystemException.class);
        assertThat(target).doesNotExist();
        run(to("Q4_0").withRequantize(true));
        try (GgufFile before = GgufFile.open(source); GgufFile after = GgufFile.open(target)) {
            MemorySegment expected = encoded(before.tensor("output.weight"), GgmlType.Q4_0);
            assertThat(after.tensor("output.weight").data().mismatch(expected)).isEqualTo(-1);
        }
    }

    @Test
    void blocksMayBeKeptAndDecoded() throws IOException {
        writeModel(Version.V7, 256, 1000, GgmlType.Q8_0);
        run(to("Q8_0"));
        try (GgufFile before = GgufFile.open(source); GgufFile after = GgufFile.open(target)) {
            for (GgufTensor tensor : before.tensors().values()) {
                assertThat(after.tensor(tensor.name()).type()).isEqualTo(tensor.type());
                if (!tensor.name().matches(MEANINGLESS)) {
                    assertThat(after.tensor(tensor.name()).data().mismatch(tensor.data())).isEqualTo(-1);
                }
            }
        }
        run(overwriting(to("F32")));
        try (GgufFile before = GgufFile.open(source); GgufFile after = GgufFile.open(target)) {
            MemorySegment expected = encoded(before.tensor("output.weight"), GgmlType.F32);
            assertThat(after.tensor("output.weight").data().mismatch(expected)).isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Q8_0", "Q4_K"})
    void theFileDoesNotDependOnTheThreads(String type) throws IOException {
        writeModel(Version.V7, 256, 5000, GgmlType.F16);
        run(to(type).withWriter(new ModelWriter(Additions.NONE, false, 1)));
        Path other = folder.resolve("other.gguf");
        for (int threads : new int[]{4, 200}) {
            to(type).withWriter(new ModelWriter(Additions.NONE, true, threads)).run(source, other,
                    ConversionProgress.NONE);
            assertThat(other).as("%s threads", threads).hasSameBinaryContentAs(target);
        }
    }

    @ParameterizedTest
    @CsvSource({"Q4_0, 2", "Q8_0, 7", "Q4_M, 15", "BF16, 32"})
    void metadataAreKept(String mix, int fileType) throws IOException {
        addMetadata(writer -> writer.putString("general.author", "somebody")
                .putInts("some.numbers", 1, 2, 3)
                .putString("tokenizer.ggml.model", "rwkv")
                .putStrings("tokenizer.ggml.tokens", List.of("<s>", "a"))
                .putString("tokenizer.chat_template", "{{ messages }}")
                .putUint32("general.file_type", 1));
        ConversionResult result = run(to(mix));
        assertThat(result.notes()).isEmpty();
        assertThat(result.architecture()).isEqualTo("rwkv7");
        try (GgufFile before = GgufFile.open(source); GgufFile after = GgufFile.open(target)) {
            assertThat(after.metadata().keys()).containsAll(before.metadata().keys());
            for (String key : before.metadata().keys()) {
                Object expected = key.equals("general.file_type")
                        ? Long.valueOf(fileType)
                        : before.metadata().get(key);
                assertThat(after.metadata().get(key)).as(key).isEqualTo(expected);
            }
            assertThat(after.metadata().getInt("general.quantization_version")).isEqualTo(2);
        }
    }

    @Test
    void aNewVocabularyTakesThePlaceOfTheOldOne() throws IOException {
        addMetadata(writer -> writer.putString("tokenizer.ggml.model", "gpt2")
                .putStrings("tokenizer.ggml.merges", List.of("a b"))
                .putString("tokenizer.chat_template", "{{ messages }}"));
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 256; i++) {
            lines.append(i + 1).append(String.format(" b'\\x%02x' 1\n", i));
        }
        Path vocabulary = Files.writeString(folder.resolve("vocabulary.txt"), lines);
        Additions additions = Additions.NONE.withVocabulary(vocabulary).withGroupNormEpsilon(1e-5);
        run(to("Q4_0").withWriter(new ModelWriter(additions, false, 1)));
        try (GgufFile after = GgufFile.open(target)) {
            assertThat(after.metadata().getString("tokenizer.ggml.model")).isEqualTo("rwkv");
            assertThat(after.metadata().contains("tokenizer.ggml.merges")).isFalse();
            assertThat(after.metadata().getString("tokenizer.chat_template")).isEqualTo("{{ messages }}");
            assertThat(after.metadata().getFloat("rwkv7.attention.group_norm_epsilon")).isEqualTo(1e-5f);
        }
    }

    private void addMetadata(Consumer<GgufWriter> more) throws IOException {
        rewrite(more, GgufTensor::data);
    }

    /** Writes the source anew. */
    private void rewrite(Consumer<GgufWriter> more, Function<GgufTensor, MemorySegment> data) throws IOException {
        Path old = Files.move(source, folder.resolve("old.gguf"));
        try (GgufFile file = GgufFile.open(old)) {
            GgufWriter writer = new GgufWriter().putAll(file.metadata());
            more.accept(writer);
            for (GgufTensor tensor : file.tensors().values()) {
                long[] dims = tensor.dims().stream().mapToLong(Long::longValue).toArray();
                writer.addTensor(tensor.name(), tensor.type(), dims, out -> out.write(data.apply(tensor)));
            }
            writer.write(source);
        }
        Files.delete(old);
    }

    @Test
    void aValueThatHasNoPlaceIsNamedAndNothingIsLeft() throws IOException {
        rewrite(_ -> {
        }, tensor -> {
            MemorySegment data = Arena.ofAuto().allocate(tensor.byteSize()).copyFrom(tensor.data());
            if (tensor.name().equals("output.weight")) {
                data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4000, Float.NaN);
            }
            return data;
        });
        assertThatThrownBy(() -> run(to("Q4_0"))).isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("tensor output.weight can't be encoded").hasMessageContaining("nan");
        assertOnlyTheSourceIsThere();
    }

    @Test
    void ofATruncatedFileNothingIsMade() throws IOException {
        byte[] bytes = Files.readAllBytes(source);
        for (int length : new int[]{3, 100, 10_000, bytes.length - 1}) {
            Files.write(source, Arrays.copyOf(bytes, length));
            assertThatThrownBy(() -> run(to("Q4_0"))).isInstanceOf(IOException.class)
                    .hasMessageContaining("model.gguf");
            assertOnlyTheSourceIsThere();
        }
    }

    @Test
    void whatIsNotAModelIsRefused() throws IOException {
        new GgufWriter().putString("general.architecture", "llama").write(source);
        assertThatThrownBy(() -> run(to("Q4_0"))).isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("architecture is 'llama', expected rwkv4, rwkv5, rwkv6 or rwkv7");
    }

    private void assertOnlyTheSourceIsThere() throws IOException {
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(source);
        }
    }

    @Test
    void noFileIsReplacedUnlessAllowed() throws IOException {
        Files.writeString(target, "precious");
        assertThatThrownBy(() -> run(to("Q4_0"))).isInstanceOf(FileAlreadyExistsException.class);
        assertThat(target).hasContent("precious");
        run(overwriting(to("Q4_0")));
        assertThat(target).binaryContent().startsWith("GGUF".getBytes());
        assertThatThrownBy(() -> overwriting(to("Q4_0")).run(source, source, ConversionProgress.NONE))
                .isInstanceOf(FileSystemException.class)
                .hasMessageContaining("is one of the files that are to be read");
    }

    @Test
    void mixesAreFoundByName() {
        assertThat(Mix.find("q4_m")).map(Mix::name).contains("Q4_M");
        assertThat(Mix.find("iq4_nl")).map(Mix::name).contains("IQ4_NL");
        assertThat(Mix.find("Q9")).isEmpty();
    }

    private static Quantization to(String mix) {
        return Quantization.to(Mix.find(mix).orElseThrow());
    }

    private static Quantization overwriting(Quantization quantization) {
        return quantization.withWriter(new ModelWriter(Additions.NONE, true, 2));
    }

    private ConversionResult run(Quantization quantization) throws IOException {
        return quantization.run(source, target, ConversionProgress.NONE);
    }

    private Map<String, GgmlType> types(Quantization quantization) throws IOException {
        return quantization.plan(source).tensors().stream()
                .collect(Collectors.toMap(QuantizationPlan.Tensor::name, QuantizationPlan.Tensor::to));
    }
}
