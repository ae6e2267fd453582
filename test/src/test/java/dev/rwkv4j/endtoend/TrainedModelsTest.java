package dev.rwkv4j.endtoend;

import static dev.rwkv4j.testdata.Difference.absolute;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import dev.rwkv4j.testdata.CommandLine;
import dev.rwkv4j.testdata.Difference;
import dev.rwkv4j.testdata.TestData;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Small trained models in rwkv.cpp's format, through {@code rwkv convert} and {@code rwkv logits}. */
class TrainedModelsTest {
    /** The bytes of {@code "in}. */
    private static final String PROMPT = "34,105,110";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({
            "4v0-660K, 6.4e-4, 1e-3",
            "5v2-730K, 1e-5, 1e-3",
            "7v0-834K, 6.4e-4, 1e-3"})
    void floatModelsGiveTheExpectedLogits(String name, String epsilon, double tolerance) throws Exception {
        float[] expected = TestData.floats(TestData.shared("tiny/expected-logits-" + name + ".bin"));
        double[] logits = convertAndEvaluate(name + "-FP32", epsilon);
        assertThat(absolute(logits, Difference.toDoubles(expected))).isLessThan(tolerance);
    }

    /**
     * The exact logits are those of the dequantised weights. What rounding activations to int8 may add is what rounding
     * the weights to Q5_1 has cost.
     */
    @ParameterizedTest
    @CsvSource({
            "4v0-660K-Q5_1, 6.4e-4, 4v0-660K-Q5_1",
            "5v2-730K-Q5_1, 1e-5, 5v2-730K-Q5_1 (group-norm eps 1e-05)",
            "6v0-3m-Q5_1, 6.4e-4, 6v0-3m-Q5_1 (group-norm eps 0.00064)",
            "7v0-834K-Q5_1, 6.4e-4, 7v0-834K-Q5_1 (group-norm eps 0.00064)"})
    void quantisedModelsAreCloseToTheExactLogits(String name, String epsilon, String key) throws Exception {
        JsonObject known = new Gson()
                .fromJson(Files.readString(TestData.shared("tiny/reference.json")), JsonObject.class)
                .getAsJsonObject(key);
        JsonObject prompt = known.getAsJsonArray("prompts").get(0).getAsJsonObject();
        double[] exact = new Gson().fromJson(prompt.get("logits"), double[].class);
        double costOfWeights = known.get("max_abs_difference_to_expected_logits").getAsDouble();
        assertThat(absolute(convertAndEvaluate(name, epsilon), exact)).isLessThan(costOfWeights);
    }

    private double[] convertAndEvaluate(String name, String epsilon) throws Exception {
        Path source = TestData.shared("tiny/tiny-rwkv-" + name + ".bin");
        run("convert", source.toString(), "model.gguf", "--group-norm-epsilon", epsilon);
        return run("logits", "-m", "model.gguf", "--tokens", PROMPT)
                .lines().mapToDouble(Double::parseDouble).toArray();
    }

    private String run(String... arguments) throws Exception {
        CommandLine.Result result = CommandLine.run(folder, arguments);
        assertThat(result.err() + " exit " + result.status()).endsWith(" exit 0");
        return result.text();
    }
}
