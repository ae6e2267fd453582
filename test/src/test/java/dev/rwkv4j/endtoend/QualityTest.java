package dev.rwkv4j.endtoend;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.testdata.CommandLine;
import dev.rwkv4j.testdata.CommandLine.Result;
import dev.rwkv4j.testdata.Difference;
import dev.rwkv4j.testdata.SmallModels;
import dev.rwkv4j.tokenizer.WorldTokenizer;
import dev.rwkv4j.tool.random.MatrixTypes;
import dev.rwkv4j.tool.random.ModelShape;
import dev.rwkv4j.tool.random.ModelShape.LowRanks;
import dev.rwkv4j.tool.random.ModelShape.Version;
import dev.rwkv4j.tool.random.RandomModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code rwkv perplexity} and {@code rwkv compare} against what the formulas say, in double precision, about the logits of
 * small models of bytes.
 */
class QualityTest {
    private static final int VOCABULARY = SmallModels.VOCABULARY;
    private static final double TOLERANCE = 1e-5;
    private static final double QUANTILE_TOLERANCE = 2e-3;

    @TempDir
    private static Path folder;

    private static byte[] text;

    @BeforeAll
    static void write() throws IOException {
        write("base.gguf", GgmlType.F32);
        write("half.gguf", GgmlType.F16);
        write("small.gguf", GgmlType.Q8_0);
        SmallModels.write(folder.resolve("wide.gguf"), Version.V7, 300, 1);
        text = new Random(1).ints(700, ' ', '~').mapToObj(Character::toString).reduce("é", String::concat)
                .getBytes(StandardCharsets.UTF_8);
        Files.write(folder.resolve("text.txt"), text);
        Files.writeString(folder.resolve("letter.txt"), "a");
        Files.createFile(folder.resolve("empty.txt"));
    }

    private static void write(String name, GgmlType type) throws IOException {
        ModelShape shape = new ModelShape(Version.V7, 2, 64, 32, 96, VOCABULARY, LowRanks.ofVersion7(8, 8, 8, 16));
        new RandomModel(shape, MatrixTypes.uniform(type), 1).write(folder.resolve(name), _ -> {
        });
    }

    // ------------------------------------------------------------------ perplexity

    @ParameterizedTest
    @CsvSource({"700000", "10", "2", "350"})
    void perplexityIsThatOfTheFormula(int context) throws Exception {
        JsonObject found = json("perplexity", "-m", "base.gguf", "-f", "text.txt", "--context", "" + context, "--json");
        double[] losses = losses("base.gguf", context);
        double mean = Arrays.stream(losses).average().orElseThrow();
        double error = standardError(losses);
        assertThat(found.get("tokens").getAsInt()).isEqualTo(losses.length);
        assertThat(found.get("perplexity").getAsDouble()).isCloseTo(Math.exp(mean), within(TOLERANCE * Math.exp(mean)));
        assertThat(found.get("perplexity_error").getAsDouble())
                .isCloseTo(Math.exp(mean) * error, within(TOLERANCE * Math.exp(mean) * error));
        assertThat(found.get("bits_per_byte").getAsDouble()).isCloseTo(mean / Math.log(2), within(TOLERANCE * mean));
        assertThat(found.get("tokens_per_second").getAsDouble()).isPositive();
    }

    @Test
    void withoutALimitTheStateGoesThroughTheWholeText() throws Exception {
        JsonObject whole = json("perplexity", "-m", "base.gguf", "-f", "text.txt", "--json", "--threads", "1");
        JsonObject limited = json("perplexity", "-m", "base.gguf", "-f", "text.txt", "--json", "-c", "700000");
        assertThat(whole.get("context").isJsonNull()).isTrue();
        assertThat(limited.get("context").getAsInt()).isEqualTo(700000);
        assertThat(whole.get("perplexity")).isEqualTo(limited.get("perplexity"));
        assertThat(whole.get("tokens").getAsInt()).isEqualTo(text.length - 1);
    }

    @Test
    void aPipeGivesWhatTheFileGives() throws Exception {
        Process process = CommandLine.command(folder, "perplexity", "-m", "base.gguf", "-f", "-", "--json")
                .redirectInput(folder.resolve("text.txt").toFile()).start();
        JsonObject piped = parse(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
        assertThat(process.waitFor()).isZero();
        assertThat(piped.get("perplexity"))
                .isEqualTo(json("perplexity", "-m", "base.gguf", "-f", "text.txt", "--json").get("perplexity"));
    }

    @Test
    void perplexityForPeople() throws Exception {
        Result result = good("perplexity", "-m", "base.gguf", "-f", "text.txt");
        assertThat(result.text()).matches("""
                perplexity     [\\d.]+ ± [\\d.]+
                bits per byte  [\\d.]+
                tokens         701 predicted, 701 bytes
                speed          [\\d.]+ tokens/s
                """);
        assertThat(result.err()).isEmpty();
    }

    @Test
    void perplexityOfWhatCanNotBeMeasured() throws Exception {
        fails(1, "empty.txt: the text is too short", "perplexity", "-m", "base.gguf", "-f", "empty.txt");
        fails(1, "letter.txt: the text is too short", "perplexity", "-m", "base.gguf", "-f", "letter.txt");
        fails(1, "the standard input: the text is too short", "perplexity", "-m", "base.gguf", "-f", "-");
        fails(1, "absent.txt: no such file", "perplexity", "-m", "base.gguf", "-f", "absent.txt");
        fails(1, ".: is a directory", "perplexity", "-m", "base.gguf", "-f", ".");
        fails(1, "text.txt: not a GGUF file", "perplexity", "-m", "text.txt", "-f", "text.txt");
        fails(1, "wide.gguf: the model has no tokenizer", "perplexity", "-m", "wide.gguf", "-f", "text.txt");
        fails(2, "option -m, --model FILE is missing", "perplexity", "-f", "text.txt");
        fails(2, "option -f, --file FILE is missing", "perplexity", "-m", "base.gguf");
        fails(2, "-c, --context is 1, expected", "perplexity", "-m", "base.gguf", "-f", "text.txt", "-c", "1");
        fails(2, "-t, --threads is 0, expected", "perplexity", "-m", "base.gguf", "-f", "text.txt", "-t", "0");
        fails(2, "unexpected more", "perplexity", "-m", "base.gguf", "-f", "text.txt", "more");
    }

    // ------------------------------------------------------------------ compare

    @ParameterizedTest
    @CsvSource({"small.gguf, 700000", "half.gguf, 700000", "small.gguf, 100"})
    void divergenceIsThatOfTheFormulas(String model, int context) throws Exception {
        JsonObject all = json("compare", "base.gguf", model, "-f", "text.txt", "--json", "-c", "" + context);
        JsonObject found = all.getAsJsonArray("models").get(0).getAsJsonObject();
        List<float[]> base = logits("base.gguf", context);
        List<float[]> other = logits(model, context);
        double[] divergences = IntStream.range(0, base.size()).mapToDouble(i -> divergence(base.get(i), other.get(i)))
                .toArray();
        double[] baseLosses = losses("base.gguf", context);
        double[] losses = losses(model, context);
        double mean = Arrays.stream(divergences).average().orElseThrow();
        is(found, "kl_mean", mean);
        is(found, "kl_mean_error", standardError(divergences));
        Arrays.sort(divergences);
        is(found, "kl_largest", divergences[divergences.length - 1]);
        isAbout(found, "kl_median", divergences[(int) Math.ceil(0.5 * divergences.length) - 1]);
        isAbout(found, "kl_99_percent", divergences[(int) Math.ceil(0.99 * divergences.length) - 1]);
        is(found, "same_top_token", IntStream.range(0, base.size())
                .filter(i -> Difference.argmax(base.get(i)) == Difference.argmax(other.get(i))).count()
                / (double) base.size());
        is(all, "base_perplexity", Math.exp(Arrays.stream(baseLosses).average().orElseThrow()));
        is(found, "perplexity", Math.exp(Arrays.stream(losses).average().orElseThrow()));
        double[] paired = IntStream.range(0, losses.length).mapToDouble(i -> losses[i] - baseLosses[i]).toArray();
        double ratio = Math.exp(Arrays.stream(paired).average().orElseThrow());
        is(found, "perplexity_ratio", ratio);
        assertThat(found.get("perplexity_ratio_error").getAsDouble())
                .isCloseTo(ratio * standardError(paired), within(1e-2 * ratio * standardError(paired)));
        assertThat(found.get("bytes").getAsLong()).isEqualTo(Files.size(folder.resolve(model)));
        assertThat(all.get("tokens").getAsInt()).isEqualTo(losses.length);
    }

    /** Divergences are small differences of the engine's float logits, which both sides of the comparison get. */
    private static void is(JsonObject found, String key, double expected) {
        assertThat(found.get(key).getAsDouble()).as(key).isCloseTo(expected,
                within(1e-2 * TOLERANCE + 1e-3 * expected));
    }

    private static void isAbout(JsonObject found, String key, double expected) {
        assertThat(found.get(key).getAsDouble()).as(key)
                .isCloseTo(expected, within(1e-2 * TOLERANCE + QUANTILE_TOLERANCE * expected));
    }

    @Test
    void aModelDoesNotDivergeFromItself() throws Exception {
        JsonObject found = json("compare", "base.gguf", "base.gguf", "-f", "text.txt", "--json")
                .getAsJsonArray("models").get(0).getAsJsonObject();
        assertThat(found.get("kl_mean").getAsDouble()).isZero();
        assertThat(found.get("kl_largest").getAsDouble()).isZero();
        assertThat(found.get("same_top_token").getAsDouble()).isEqualTo(1);
        assertThat(found.get("perplexity_ratio").getAsDouble()).isEqualTo(1);
        assertThat(found.get("weight_error").getAsDouble()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"small.gguf, Q8_0", "half.gguf, F16"})
    void errorsOfWeightsAreThoseOfTheDecodedTensors(String model, String type) throws Exception {
        JsonObject found = json("compare", "base.gguf", model, "-f", "text.txt", "--json").getAsJsonArray("models")
                .get(0)
                .getAsJsonObject();
        int compared = 0;
        try (GgufFile base = GgufFile.open(folder.resolve("base.gguf"));
                GgufFile other = GgufFile.open(folder.resolve(model))) {
            for (JsonElement element : found.getAsJsonArray("tensors")) {
                JsonObject tensor = element.getAsJsonObject();
                String name = tensor.get("name").getAsString();
                double expected = relativeError(decode(base.tensor(name)), decode(other.tensor(name)));
                assertThat(tensor.get("error").getAsDouble()).as(name).isCloseTo(expected, within(1e-6 * expected));
                compared += tensor.get("type").getAsString().equals(type) && expected > 0 ? 1 : 0;
            }
            assertThat(found.getAsJsonArray("tensors")).hasSize(base.tensors().size());
        }
        assertThat(compared).isGreaterThan(10);
        assertThat(found.get("weight_error").getAsDouble()).isBetween(1e-5, 1e-1);
        assertThat(found.getAsJsonArray("not_compared")).isEmpty();
    }

    @Test
    void tensorsThatDifferAreSaid() throws Exception {
        ModelShape shape = new ModelShape(Version.V6, 2, 32, 32, 96, VOCABULARY, LowRanks.ofVersion6(8, 8));
        new RandomModel(shape, MatrixTypes.uniform(GgmlType.F32), 1).write(folder.resolve("six.gguf"), _ -> {
        });
        assertThat(good("compare", "base.gguf", "six.gguf", "-f", "text.txt").text()).contains(
                "six.gguf: not compared: blk.1.time_mix_a1.weight is only in base.gguf\n",
                "six.gguf: not compared: blk.1.time_mix_first.weight is only in six.gguf\n",
                "six.gguf: not compared: token_embd.weight is [64, 256] in base.gguf and [32, 256] in six.gguf\n");
    }

    @Test
    void modelsHaveToHaveTheSameTokens() throws Exception {
        writeWithTokens("ab.gguf", "ab");
        writeWithTokens("cd.gguf", "cd");
        fails(1, "cd.gguf: token 257 is another one, expected the vocabulary of ab.gguf",
                "compare", "ab.gguf", "cd.gguf", "-f", "text.txt");
        JsonObject found = json("compare", "ab.gguf", "wide.gguf", "-f", "text.txt", "--json")
                .getAsJsonArray("models").get(0).getAsJsonObject();
        assertThat(found.get("kl_largest").getAsDouble()).isZero();
    }

    /** The model that has no tokenizer, with one of all bytes and another token. */
    private static void writeWithTokens(String name, String token) throws IOException {
        List<String> lines = new ArrayList<>();
        for (int b = 0; b < 256; b++) {
            lines.add((b + 1) + (b < 0x80 ? " '" : " b'") + String.format("\\x%02x", b) + "' 1");
        }
        lines.add("257 '" + token + "' " + token.length());
        Path vocabulary = Files.write(folder.resolve("vocabulary.txt"), lines);
        try (GgufFile file = GgufFile.open(folder.resolve("wide.gguf"))) {
            GgufWriter writer = new GgufWriter().putAll(file.metadata(), key -> !key.startsWith("tokenizer."));
            WorldTokenizer.read(vocabulary).withSize(300).writeTo(writer);
            for (GgufTensor tensor : file.tensors().values()) {
                long[] dims = tensor.dims().stream().mapToLong(Long::longValue).toArray();
                writer.addTensor(tensor.name(), tensor.type(), dims, out -> out.write(tensor.data()));
            }
            writer.write(folder.resolve(name));
        }
    }

    @Test
    void comparisonForPeople() throws Exception {
        Result result = good("compare", "base.gguf", "half.gguf", "small.gguf", "-f", "text.txt", "--tensors",
                "--chart",
                "chart.svg");
        assertThat(result.err()).isEmpty();
        assertThat(result.text()).startsWith("base  base.gguf, ").contains("KL mean (nats)", "same top token",
                "\nhalf.gguf ", "\nsmall.gguf ", "blk.1.channel_mix_key.weight   F32  Q8_0");
        assertThat(Files.readString(folder.resolve("chart.svg"))).startsWith("<svg ").contains(">half<", ">small<");
        fails(2, "chart.svg exists already; --force replaces it", "compare", "base.gguf", "half.gguf", "-f", "text.txt",
                "--chart", "chart.svg");
    }

    @Test
    void whatCanNotBeCompared() throws Exception {
        fails(2, "QUANTIZED... is missing", "compare", "base.gguf", "-f", "text.txt");
        fails(2, "option -f, --file FILE is missing", "compare", "base.gguf", "half.gguf");
        fails(2, "-f, --file is -, expected a file", "compare", "base.gguf", "half.gguf", "-f", "-");
        fails(2, "nowhere/chart.svg: its directory does not exist", "compare", "base.gguf", "half.gguf", "-f",
                "text.txt",
                "--chart", "nowhere/chart.svg");
        fails(1, "wide.gguf: the model has a vocabulary of 300 tokens, expected the vocabulary of base.gguf, 256 tokens",
                "compare", "base.gguf", "half.gguf", "wide.gguf", "-f", "text.txt");
        fails(1, "absent.gguf: no such file", "compare", "base.gguf", "absent.gguf", "-f", "text.txt");
        fails(1, "letter.txt: the text is too short", "compare", "base.gguf", "half.gguf", "-f", "letter.txt");
    }

    // ------------------------------------------------------------------ what is expected

    /** After each token that has one after it in its part of the text. */
    private static List<float[]> logits(String model, int context) throws IOException {
        List<float[]> rows = new ArrayList<>();
        try (RwkvModel loaded = RwkvModel.load(folder.resolve(model)); RwkvSession session = loaded.newSession()) {
            for (int from = 0; from < text.length; from += context) {
                session.reset();
                int count = Math.min(context, text.length - from);
                int[] tokens = IntStream.range(from, from + count - 1).map(i -> text[i] & 0xFF).toArray();
                session.feed(tokens, (_, row) -> rows.add(row.toArray(JAVA_FLOAT)));
            }
        }
        return rows;
    }

    private static double[] losses(String model, int context) throws IOException {
        List<float[]> rows = logits(model, context);
        int[] targets = IntStream.range(0, text.length).filter(i -> i % context != 0).map(i -> text[i] & 0xFF)
                .toArray();
        return IntStream.range(0, targets.length).mapToDouble(i -> -logProbabilities(rows.get(i))[targets[i]])
                .toArray();
    }

    private static double[] logProbabilities(float[] logits) {
        double[] exact = Difference.toDoubles(logits);
        double max = Arrays.stream(exact).max().orElseThrow();
        double logSum = max + Math.log(Arrays.stream(exact).map(x -> Math.exp(x - max)).sum());
        return Arrays.stream(exact).map(x -> x - logSum).toArray();
    }

    private static double divergence(float[] base, float[] other) {
        double[] p = logProbabilities(base);
        double[] q = logProbabilities(other);
        return IntStream.range(0, p.length).mapToDouble(i -> Math.exp(p[i]) * (p[i] - q[i])).sum();
    }

    private static double standardError(double[] values) {
        double mean = Arrays.stream(values).average().orElseThrow();
        double squares = Arrays.stream(values).map(x -> (x - mean) * (x - mean)).sum();
        return Math.sqrt(squares / (values.length - 1) / values.length);
    }

    private static double relativeError(double[] truth, double[] found) {
        double differences = IntStream.range(0, truth.length)
                .mapToDouble(i -> (found[i] - truth[i]) * (found[i] - truth[i])).sum();
        return differences == 0 ? 0 : Math.sqrt(differences / Arrays.stream(truth).map(x -> x * x).sum());
    }

    private static double[] decode(GgufTensor tensor) {
        return IntStream.range(0, (int) tensor.elements()).mapToDouble(i -> switch (tensor.type()) {
            case F32 -> tensor.data().getAtIndex(JAVA_FLOAT_UNALIGNED, i);
            case F16 -> Float.float16ToFloat(tensor.data().getAtIndex(JAVA_SHORT_UNALIGNED, i));
            case Q8_0 -> {
                long block = i / 32 * 34L;
                yield Float.float16ToFloat(tensor.data().get(JAVA_SHORT_UNALIGNED, block))
                        * (double) tensor.data().get(JAVA_BYTE, block + 2 + i % 32);
            }
            default -> throw new AssertionError(tensor);
        }).toArray();
    }

    // ------------------------------------------------------------------ running

    private static JsonObject json(String... arguments) throws IOException, InterruptedException {
        return parse(good(arguments).text());
    }

    private static JsonObject parse(String json) {
        return JsonParser.parseString(json).getAsJsonObject();
    }

    private static Result good(String... arguments) throws IOException, InterruptedException {
        Result result = run(arguments);
        assertThat(result.status()).as(result.err()).isZero();
        return result;
    }

    private static void fails(int status, String message, String... arguments)
            throws IOException, InterruptedException {
        Result result = run(arguments);
        assertThat(result.err()).startsWith("rwkv: " + message).hasLineCount(1);
        assertThat(result.status()).isEqualTo(status);
        assertThat(result.out()).isEmpty();
    }

    private static Result run(String... arguments) throws IOException, InterruptedException {
        return CommandLine.run(folder, arguments);
    }
}
