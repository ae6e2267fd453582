package dev.rwkv4j.endtoend;

import static dev.rwkv4j.testdata.Difference.absolute;
import static dev.rwkv4j.testdata.Difference.relative;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.reference.Activations;
import dev.rwkv4j.reference.ReferenceModel;
import dev.rwkv4j.reference.ReferenceState;
import dev.rwkv4j.testdata.GoldenModel;
import dev.rwkv4j.testdata.TestData;
import dev.rwkv4j.tool.convert.Conversion;
import dev.rwkv4j.tool.convert.ConversionProgress;
import dev.rwkv4j.tool.convert.ConversionResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Converted checkpoints mean what the checkpoints mean, and are what llama.cpp's converter makes of them. */
class ConversionTest {
    /** What remains of rounding {@code 1 - m} and {@code exp(first)} to float, and the epsilons. */
    private static final double ROUNDING = 1e-7;

    /** The expected logits of the trained models are given with six decimals. */
    private static final double DECIMALS = 5e-6;

    @TempDir
    private Path folder;

    static List<String> goldenModels() {
        return GoldenModel.names();
    }

    @ParameterizedTest
    @MethodSource("goldenModels")
    void theReferenceEvaluatesConvertedCheckpointsAsTheOriginals(String name) throws IOException {
        GoldenModel golden = GoldenModel.read(name);
        convert(golden.checkpoint(), Conversion.defaults().withType(GgmlType.F32));
        ReferenceModel model = load();
        ReferenceState state = model.newState();
        int position = 0;
        for (int cut = 0; cut < golden.cuts().length; cut++) {
            double[] logits = model.evaluate(state, Arrays.copyOfRange(golden.tokens(), position, golden.cuts()[cut]));
            position = golden.cuts()[cut];
            assertThat(relative(logits, golden.exactLogits().get(cut))).isLessThan(ROUNDING);
        }
    }

    static Stream<Arguments> trainedModels() throws IOException {
        return trained().entrySet().stream().map(entry -> Arguments.of(entry.getKey(), entry.getValue()));
    }

    @ParameterizedTest
    @MethodSource("trainedModels")
    void modelsOfRwkvCppAnswerAsTheReference(String name, Trained trained) throws IOException {
        convert(TestData.shared("tiny/tiny-rwkv-" + name.split(" ")[0] + ".bin"),
                Conversion.defaults().withGroupNormEpsilon(trained.group_norm_eps));
        ReferenceModel model = load();
        for (Prompt prompt : trained.prompts) {
            double[] logits = model.evaluate(model.newState(), prompt.prompt.chars().toArray());
            assertThat(absolute(logits, prompt.logits)).isLessThan(DECIMALS);
        }
    }

    @Test
    void blocksOfRwkvCppAreKept() throws IOException {
        convert(TestData.shared("tiny/tiny-rwkv-6v0-3m-Q5_1.bin"), Conversion.defaults());
        try (GgufFile file = GgufFile.open(target())) {
            assertThat(file.tensor("blk.3.time_mix_key.weight").type()).isEqualTo(GgmlType.Q5_1);
            assertThat(file.tensor("blk.3.time_mix_decay_w2.weight").type()).isEqualTo(GgmlType.Q5_1);
            assertThat(file.tensor("token_embd.weight").type()).isEqualTo(GgmlType.F32);
            assertThat(file.metadata().getInt("general.file_type")).isEqualTo(9);
        }
    }

    @Test
    void blocksAreDecodedForThoseWhoAskForFloats() throws IOException {
        convert(TestData.shared("tiny/tiny-rwkv-7v0-834K-Q5_1.bin"), Conversion.defaults().withType(GgmlType.F32));
        try (GgufFile file = GgufFile.open(target())) {
            assertThat(file.tensors().values()).allMatch(tensor -> tensor.type() == GgmlType.F32);
        }
        Trained trained = trained().get("7v0-834K-Q5_1 (group-norm eps 0.00064)");
        ReferenceModel model = load();
        double[] logits = model.evaluate(model.newState(), "\"in".chars().toArray());
        assertThat(absolute(logits, trained.prompts.getFirst().logits)).isLessThan(DECIMALS);
    }

    @Test
    void modelsOfRwkv5FromRwkvCppComeWithANoteOnTheEpsilon() throws IOException {
        Path source = TestData.shared("tiny/tiny-rwkv-5v2-730K-FP32.bin");
        assertThat(convert(source, Conversion.defaults()).notes()).anyMatch(note -> note.contains("1e-5"));
        assertThat(convert(source, Conversion.defaults().withOverwrite(true).withGroupNormEpsilon(1e-5)).notes())
                .noneMatch(note -> note.contains("1e-5"));
    }

    /** All but those of the tokenizer, which theirs have, and what is said instead of it. */
    private static List<String> keysOfTheModel(GgufFile file) {
        return file.metadata().keys().stream()
                .filter(key -> !key.startsWith("tokenizer.") && !key.endsWith(".vocab_size"))
                .toList();
    }

    @ParameterizedTest
    @CsvSource({"rwkv6, F16, rwkv6-F16", "rwkv7-192, F16, rwkv7-192-F16", "rwkv7-192, BF16, rwkv7-192-BF16"})
    void filesAreThoseOfLlamaCpp(String name, GgmlType type, String known) throws IOException {
        convert(GoldenModel.read(name).checkpoint(), Conversion.defaults().withType(type));
        try (GgufFile expected = GgufFile.open(TestData.shared("gguf/" + known + ".gguf"));
                GgufFile actual = GgufFile.open(target())) {
            List<String> keys = keysOfTheModel(expected);
            assertThat(keysOfTheModel(actual)).isEqualTo(keys);
            for (String key : keys) {
                if (!key.equals("general.name")) {
                    assertThat(actual.metadata().get(key)).as(key).isEqualTo(expected.metadata().get(key));
                    assertThat(actual.metadata().type(key)).as(key).isEqualTo(expected.metadata().type(key));
                }
            }
            assertThat(actual.tensors().keySet()).containsExactlyInAnyOrderElementsOf(expected.tensors().keySet());
            for (GgufTensor tensor : expected.tensors().values()) {
                GgufTensor same = actual.tensor(tensor.name());
                assertThat(same.type()).as(tensor.name()).isEqualTo(tensor.type());
                assertThat(same.dims()).as(tensor.name()).isEqualTo(tensor.dims());
                assertThat(same.data().mismatch(tensor.data())).as(tensor.name()).isEqualTo(-1);
            }
        }
    }

    @Test
    void withoutATypeEveryMatrixKeepsItsOwn() throws IOException {
        convert(GoldenModel.read("rwkv7-bf16").checkpoint(), Conversion.defaults());
        try (GgufFile file = GgufFile.open(target())) {
            assertThat(file.tensor("token_embd.weight").type()).isEqualTo(GgmlType.BF16);
            assertThat(file.tensor("blk.0.time_mix_a1.weight").type()).isEqualTo(GgmlType.BF16);
            assertThat(file.tensor("blk.0.time_mix_w1.weight").type()).isEqualTo(GgmlType.F32);
            assertThat(file.tensor("blk.0.attn_norm.weight").type()).isEqualTo(GgmlType.F32);
        }
    }

    private ConversionResult convert(Path source, Conversion conversion) throws IOException {
        ConversionResult result = conversion.run(source, target(), ConversionProgress.NONE);
        assertThat(result.bytes()).isEqualTo(Files.size(target()));
        return result;
    }

    private ReferenceModel load() throws IOException {
        try (GgufFile file = GgufFile.open(target())) {
            return ReferenceModel.load(file, Activations.EXACT);
        }
    }

    private Path target() {
        return folder.resolve("converted.gguf");
    }

    private static Map<String, Trained> trained() throws IOException {
        return new Gson().fromJson(Files.readString(TestData.shared("tiny/reference.json")),
                new TypeToken<Map<String, Trained>>() {
                });
    }

    /** The fields of reference.json that are used, by its names. */
    private record Trained(double group_norm_eps, List<Prompt> prompts) {
    }

    private record Prompt(String prompt, double[] logits) {
    }
}
