package dev.rwkv4j.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.testdata.CommandLine;
import dev.rwkv4j.testdata.GoldenModel;
import dev.rwkv4j.testdata.CommandLine.Result;
import dev.rwkv4j.testdata.SmallModels;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Quantising by what a model reads: importance matrices and error feedback, as commands. */
class CalibrationTest {
    private static final int TOKENS = 3000;

    @TempDir
    private Path folder;

    @BeforeEach
    void writeTexts() throws IOException {
        SmallModels.write(folder.resolve("model.gguf"), Version.V7, SmallModels.VOCABULARY, 1);
        writeText("learn.txt", 1);
        writeText("measure.txt", 2);
    }

    private void writeText(String name, long seed) throws IOException {
        String text = new Random(seed).ints(TOKENS, 'a', 'z').mapToObj(Character::toString)
                .collect(Collectors.joining());
        Files.writeString(folder.resolve(name), text);
    }

    @ParameterizedTest
    @EnumSource(Version.class)
    void importanceIsWrittenAsLlamaCppHasIt(Version version) throws Exception {
        SmallModels.write(folder.resolve("model.gguf"), version, SmallModels.VOCABULARY, 1);
        succeeds("imatrix", "-m", "model.gguf", "-f", "learn.txt", "-o", "one.gguf", "--threads", "1");
        succeeds("imatrix", "-m", "model.gguf", "-f", "learn.txt", "-o", "three.gguf", "--threads", "3");
        assertThat(folder.resolve("one.gguf")).hasSameBinaryContentAs(folder.resolve("three.gguf"));
        try (GgufFile file = GgufFile.open(folder.resolve("one.gguf"))) {
            assertThat(file.metadata().getString("general.type")).isEqualTo("imatrix");
            assertThat(file.metadata().getStrings("imatrix.datasets")).containsExactly("learn.txt");
            assertThat(file.metadata().getInt("imatrix.chunk_count")).isEqualTo(1);
            assertThat(file.metadata().getInt("imatrix.chunk_size")).isEqualTo(TOKENS - 1);
            GgufTensor sums = file.tensor("blk.1.channel_mix_value.weight.in_sum2");
            assertThat(sums.dims()).containsExactly((long) SmallModels.CHANNEL_MIX_WIDTH, 1L);
            for (float sum : sums.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)) {
                assertThat(sum).isFinite().isNotNegative();
            }
            GgufTensor counts = file.tensor("blk.1.channel_mix_value.weight.counts");
            assertThat(counts.data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0)).isEqualTo(TOKENS - 1);
            assertThat(file.tensors()).doesNotContainKey("token_embd.weight.in_sum2");
        }
    }

    @Test
    void feedbackLosesLessThanRounding() throws Exception {
        succeeds("imatrix", "-m", "model.gguf", "-f", "learn.txt", "-o", "important.gguf");
        succeeds("quantize", "model.gguf", "plain.gguf", "-t", "Q4_0", "--plain");
        Result important = succeeds("quantize", "model.gguf", "weighted.gguf", "-t", "Q4_0", "--imatrix",
                "important.gguf");
        succeeds("quantize", "model.gguf", "calibrated.gguf", "-t", "Q4_0", "--calibrate", "learn.txt");
        assertThat(important.err()).doesNotContain("note");
        assertThat(folder.resolve("weighted.gguf")).hasSize(Files.size(folder.resolve("plain.gguf")));
        assertThat(folder.resolve("calibrated.gguf")).hasSize(Files.size(folder.resolve("plain.gguf")));
        assertThat(divergence("calibrated.gguf")).isLessThan(divergence("plain.gguf") / 2);
        assertThat(divergence("model.gguf")).isCloseTo(0, within(1e-9));
    }

    @Test
    void checkpointsAreConvertedOnTheWay() throws Exception {
        String checkpoint = checkpoint();
        succeeds("convert", checkpoint, "converted.gguf");
        succeeds("quantize", "converted.gguf", "two.gguf", "-t", "Q4_0", "--calibrate", "learn.txt");
        succeeds("quantize", checkpoint, "one.gguf", "-t", "Q4_0", "--calibrate", "learn.txt", "--threads", "1");
        assertThat(folder.resolve("one.gguf")).hasSameBinaryContentAs(folder.resolve("two.gguf"));
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).noneMatch(file -> file.toString().endsWith(".tmp"));
        }
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "needs ulimit -f of a POSIX shell")
    void aFullDiskIsToldOfTheFileThatWasAskedFor() throws Exception {
        Result result = CommandLine.runWithFullDisk(folder, "quantize", checkpoint(), "out.gguf", "-t", "Q4_0",
                "--calibrate", "learn.txt");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.err()).startsWith("rwkv: out.gguf: writing failed after ").hasLineCount(1);
        assertNothingIsLeft("out.gguf");

        Result saved = CommandLine.runWithFullDisk(folder, "demo", "--save", "demo.gguf");
        assertThat(saved.status()).isEqualTo(1);
        assertThat(saved.err()).startsWith("rwkv: demo.gguf: ").hasLineCount(1);
        assertNothingIsLeft("demo.gguf");
    }

    /** With a full disk a conversion that was begun fails otherwise. */
    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "needs ulimit -f of a POSIX shell")
    void textAndVocabularyAreReadBeforeAnythingIsConverted() throws Exception {
        Files.writeString(folder.resolve("short.txt"), "a");
        Result text = CommandLine.runWithFullDisk(folder, "quantize", checkpoint(), "out.gguf", "-t", "Q4_0",
                "--calibrate", "short.txt");
        assertThat(text.err()).contains("short.txt: the text is too short").hasLineCount(1);

        Result vocabulary = CommandLine.runWithFullDisk(folder, "quantize", checkpoint(), "out.gguf", "-t", "Q4_0",
                "--calibrate", "learn.txt", "--vocab", "missing.txt");
        assertThat(vocabulary.err()).contains("missing.txt: no such file").hasLineCount(1);
        assertNothingIsLeft("out.gguf");
    }

    private static String checkpoint() throws IOException {
        return GoldenModel.read("rwkv7-bf16").checkpoint().toAbsolutePath().toString();
    }

    private void assertNothingIsLeft(String name) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).noneMatch(file -> file.toString().endsWith(".tmp") || file.endsWith(name));
        }
    }

    private double divergence(String model) throws Exception {
        Result result = succeeds("compare", "model.gguf", model, "-f", "measure.txt", "--json");
        JsonObject json = JsonParser.parseString(result.text()).getAsJsonObject();
        return json.getAsJsonArray("models").get(0).getAsJsonObject().get("kl_mean")
                .getAsDouble();
    }

    @ParameterizedTest
    @EnumSource(Version.class)
    void mixesAreCalibratedToo(Version version) throws Exception {
        SmallModels.write(folder.resolve("model.gguf"), version, SmallModels.VOCABULARY, 1);
        Result result = succeeds("quantize", "model.gguf", "out.gguf", "-t", "Q4_M", "--calibrate", "learn.txt");
        assertThat(result.err()).doesNotContain("note").hasLineCount(1);
        assertThat(divergence("out.gguf")).isBetween(1e-9, 0.1);
    }

    @Test
    void whatTheFileDoesNotKnowIsToldOnce() throws Exception {
        succeeds("imatrix", "-m", "model.gguf", "-f", "learn.txt", "-o", "important.gguf");
        SmallModels.write(folder.resolve("six.gguf"), Version.V6, SmallModels.VOCABULARY, 1);
        Result result = succeeds("quantize", "six.gguf", "out.gguf", "-t", "Q4_0", "--imatrix", "important.gguf");
        assertThat(result.err()).containsOnlyOnce("says nothing of").contains("blk.0.time_mix_gate.weight");
    }

    @Test
    void commandsRefuse() throws Exception {
        succeeds("imatrix", "-m", "model.gguf", "-f", "learn.txt", "-o", "important.gguf");
        refuses("important.gguf exists already", "imatrix", "-m", "model.gguf", "-f", "learn.txt", "-o",
                "important.gguf");
        refuses("it is no importance matrix", "quantize", "model.gguf", "out.gguf", "-t", "Q4_0", "--imatrix",
                "model.gguf");
        refuses("options --plain and --calibrate exclude each other", "quantize", "model.gguf", "out.gguf", "-t",
                "Q4_0", "--calibrate", "learn.txt",
                "--plain");
        refuses("options --plain and --imatrix exclude each other", "quantize", "model.gguf", "out.gguf", "-t", "Q4_0",
                "--imatrix",
                "important.gguf", "--plain");
        Files.writeString(folder.resolve("short.txt"), "a");
        refuses("short.txt: the text is too short", "quantize", "model.gguf", "out.gguf", "-t", "Q4_0",
                "--calibrate", "short.txt");
        refuses("missing.txt: no such file", "quantize", "model.gguf", "out.gguf", "-t", "Q4_0", "--calibrate",
                "missing.txt");
        SmallModels.write(folder.resolve("tokens.gguf"), Version.V7, SmallModels.VOCABULARY + 1, 1);
        refuses("tokens.gguf: the model has no tokenizer", "quantize", "tokens.gguf", "out.gguf", "-t", "Q4_0",
                "--calibrate", "learn.txt");
        refuses("nowhere/out.gguf: its directory does not exist", "quantize", "model.gguf", "nowhere/out.gguf", "-t",
                "Q4_0", "--calibrate", "learn.txt");
        assertThat(folder.resolve("out.gguf")).doesNotExist();
    }

    @Test
    void importanceOfAnotherModelIsRefused() throws Exception {
        succeeds("imatrix", "-m", "model.gguf", "-f", "learn.txt", "-o", "important.gguf");
        succeeds("random", "wide.gguf", "--shape", "rwkv7-0.1b", "--layers", "1", "--vocabulary", "256", "-t", "F16");
        refuses("important.gguf: is of another model: it has " + SmallModels.WIDTH + " columns for ", "quantize",
                "wide.gguf", "out.gguf", "-t", "Q4_0", "--imatrix", "important.gguf");
        assertThat(folder.resolve("out.gguf")).doesNotExist();
    }

    @Test
    void noInputIsReplaced() throws Exception {
        byte[] model = Files.readAllBytes(folder.resolve("model.gguf"));
        String text = Files.readString(folder.resolve("learn.txt"));
        String message = "is one of the files that are to be read";
        for (String input : List.of("model.gguf", "learn.txt")) {
            refuses(message, "imatrix", "-m", "model.gguf", "-f", "learn.txt", "--force", "-o", input);
            refuses(message, "quantize", "model.gguf", input, "-t", "Q4_0", "--calibrate", "learn.txt", "--force");
            refuses(message, "compare", "model.gguf", "model.gguf", "-f", "learn.txt", "--force", "--chart", input);
            refuses(message, "generate", "-m", "model.gguf", "-f", "learn.txt", "--save-state", input);
        }
        assertThat(folder.resolve("model.gguf")).hasBinaryContent(model);
        assertThat(folder.resolve("learn.txt")).hasContent(text);
    }

    private Result succeeds(String... arguments) throws Exception {
        Result result = CommandLine.run(folder, arguments);
        assertThat(result.status()).as(result.err()).isZero();
        return result;
    }

    private void refuses(String message, String... arguments) throws Exception {
        Result result = CommandLine.run(folder, arguments);
        assertThat(result.status()).isIn(1, 2);
        assertThat(result.err()).contains(message).hasLineCount(1);
    }
}
