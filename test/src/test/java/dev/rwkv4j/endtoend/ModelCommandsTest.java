package dev.rwkv4j.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.testdata.CommandLine;
import dev.rwkv4j.testdata.CommandLine.Result;
import dev.rwkv4j.testdata.GoldenModel;
import dev.rwkv4j.tool.Main;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands that run a model: a golden one, whose tokens are bytes. */
class ModelCommandsTest {
    private static final String MODEL = "model.gguf";
    private static final URL DEMO_MODEL = Main.class.getResource("demo/rwkv4j-demo.gguf");

    @TempDir
    private static Path folder;

    private static GoldenModel golden;

    @BeforeAll
    static void convert() throws Exception {
        golden = GoldenModel.read("rwkv7-bf16");
        Result result = CommandLine.run(folder, "convert", golden.checkpoint().toString(), MODEL);
        assertThat(result.err()).isEqualTo(MODEL + ": rwkv7, 90 tensors, 955 kB\n");
        assertThat(result.status()).isZero();
        assertThat(result.out()).isEmpty();
        int[] prompt = golden.tokens();
        byte[] bytes = new byte[prompt.length];
        for (int i = 0; i < prompt.length; i++) {
            bytes[i] = (byte) prompt[i];
        }
        Files.write(folder.resolve("prompt.bin"), bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--threads=2", "--recurrent"})
    void logitsAreThoseOfTheOfficialImplementation(String option) throws Exception {
        double[] expected = golden.exactLogits().getLast();
        Result result = good("logits", "-m", MODEL, "--tokens", tokens(), option);
        double[] logits = result.text().lines().mapToDouble(Double::parseDouble).toArray();
        double scale = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        assertThat(logits).containsExactly(expected, within(1e-5 * scale));
        assertThat(result.text().lines()).allMatch(line -> line.matches("-?\\d\\.\\d{8}e[+-]\\d\\d"));
    }

    @Test
    void infoAgreesWithTheLoadedModel() throws Exception {
        JsonObject json = JsonParser.parseString(good("info", MODEL, "--json").text()).getAsJsonObject();
        try (RwkvModel model = RwkvModel.load(folder.resolve(MODEL))) {
            assertThat(json.get("parameters").getAsLong()).isEqualTo(model.info().parameters());
            assertThat(json.get("state_bytes").getAsLong()).isEqualTo(model.info().stateBytes());
            assertThat(json.get("heads").getAsInt()).isEqualTo(model.info().heads());
            assertThat(json.get("channel_mix_width").getAsInt()).isEqualTo(model.info().channelMixWidth());
        }
    }

    /** Nine digits tell every float from its neighbours. */
    @Test
    void logitsAsJsonAreTheSameFloats() throws Exception {
        JsonArray json = JsonParser.parseString(good("logits", "-m", MODEL, "--tokens", "[1 2]", "--json").text())
                .getAsJsonArray();
        List<Float> lines = good("logits", "-m", MODEL, "--tokens", "1,2").text().lines().map(Float::valueOf).toList();
        assertThat(json.asList().stream().map(JsonElement::getAsFloat)).containsExactlyElementsOf(lines).hasSize(256);
    }

    @Test
    void aTokenBeyondTheVocabularyIsNamed() throws Exception {
        Result result = run("logits", "-m", MODEL, "--tokens", "1,256");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.err()).startsWith("rwkv: ").contains("256").hasLineCount(1);
    }

    @Test
    void greedyTextIsThatOfTheOfficialImplementation() throws Exception {
        Result result = good("generate", "-m", MODEL, "-f", "prompt.bin", "-n", "16", "--temperature", "0");
        byte[] expected = new byte[16];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = (byte) golden.greedyNext16()[i];
        }
        assertThat(result.text()).isEqualTo(new String(expected, StandardCharsets.UTF_8));
        assertThat(result.err()).startsWith("rwkv: read 77 tokens at ").contains("wrote 16 tokens at ", "seed ")
                .hasLineCount(1);
    }

    @Test
    void aSeedRepeatsAText() throws Exception {
        String[] command = {"generate", "-m", MODEL, "-p", "abc", "-n", "30", "--seed", "7", "--top-k", "50"};
        assertThat(good(command).text()).isEqualTo(good(command).text()).isNotEmpty();
        command[8] = "8";
        assertThat(good(command).text()).isNotEqualTo(good("generate", "-m", MODEL, "-p", "abc", "-n", "30", "--seed",
                "7", "--top-k", "50").text());
    }

    @Test
    void generationAsJson() throws Exception {
        JsonObject json = JsonParser.parseString(good("generate", "-m", MODEL, "-f", "prompt.bin", "-n", "2",
                "--temperature", "0", "--json").text()).getAsJsonObject();
        assertThat(json.get("text").getAsString()).isEqualTo("p&");
        assertThat(json.get("stop_reason").getAsString()).isEqualTo("max_tokens");
        assertThat(json.get("prompt_tokens").getAsInt()).isEqualTo(77);
        assertThat(json.get("tokens").getAsInt()).isEqualTo(2);
        assertThat(json.get("decode_tokens_per_second").getAsDouble()).isPositive();
    }

    @Test
    void endsBeforeAStopText() throws Exception {
        JsonObject json = JsonParser.parseString(good("generate", "-m", MODEL, "-f", "prompt.bin", "--temperature", "0",
                "--stop", "nothing", "--stop", "Y", "--json").text()).getAsJsonObject();
        assertThat(json.get("text").getAsString()).isEqualTo("p&");
        assertThat(json.get("stop_reason").getAsString()).isEqualTo("stop_string");
    }

    @Test
    void aSavedStateGoesOn() throws Exception {
        String whole = good("generate", "-m", MODEL, "-p", "abc", "-n", "12", "--temperature", "0").text();
        assertThat(good("generate", "-m", MODEL, "-p", "ab", "-n", "0", "--save-state", "ab.state").out()).isEmpty();
        assertThat(good("generate", "-m", MODEL, "--state", "ab.state", "-p", "c", "-n", "12", "--temperature", "0")
                .text()).isEqualTo(whole);
        Result refused = run("generate", "-m", MODEL, "--state", MODEL, "-p", "c");
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err()).startsWith("rwkv: " + MODEL + ": ").hasLineCount(1);
    }

    @Test
    void anEmptyPromptBeginsANewText() throws Exception {
        String fromInput = good("generate", "-m", MODEL, "-f", "-", "-n", "5", "--temperature", "0").text();
        assertThat(good("generate", "-m", MODEL, "-p", "", "-n", "5", "--temperature", "0").text())
                .isEqualTo(fromInput);
        Result refused = run("generate", "-m", MODEL, "-p", "", "--state", MODEL);
        assertThat(refused.status()).isEqualTo(2);
    }

    @Test
    void textToTokensAndBack() throws Exception {
        assertThat(good("tokenize", "-m", MODEL, "aé\n'\\\u0001").text()).isEqualTo("""
                97\t'a'
                195\t'\\xc3'
                169\t'\\xa9'
                10\t'\\n'
                39\t'\\''
                92\t'\\\\'
                1\t'\\x01'
                """);
        assertThat(good("tokenize", "-m", MODEL, "--ids", "aé").text()).isEqualTo("97,195,169\n");
        assertThat(good("tokenize", "-m", MODEL, "--decode", "97, 195 169").text()).isEqualTo("aé");
        JsonArray json = JsonParser.parseString(good("tokenize", "-m", MODEL, "--json", "a\"").text()).getAsJsonArray();
        assertThat(json).hasSize(2);
        assertThat(json.get(1).getAsJsonObject().get("text").getAsString()).isEqualTo("\"");
        assertThat(json.get(1).getAsJsonObject().get("bytes").getAsString()).isEqualTo("22");
    }

    @Test
    void tokensOfAFileAreThoseOfItsBytes() throws Exception {
        assertThat(good("tokenize", "-m", MODEL, "--ids", "-f", "prompt.bin").text()).isEqualTo(tokens() + "\n");
        Result decoded = good("tokenize", "-m", MODEL, "--decode", tokens());
        assertThat(decoded.out()).isEqualTo(Files.readAllBytes(folder.resolve("prompt.bin")));
    }

    @Test
    void theOutputIsUtf8WhateverTheLocale() throws Exception {
        ProcessBuilder command = CommandLine.command(folder, "generate", "-m", MODEL, "-f", "prompt.bin", "-n", "8",
                "--temperature", "0");
        command.environment().put("LC_ALL", "C");
        Process process = command.redirectError(ProcessBuilder.Redirect.DISCARD).start();
        assertThat(process.getInputStream().readAllBytes())
                .isEqualTo(good("generate", "-m", MODEL, "-f", "prompt.bin", "-n", "8", "--temperature", "0").out())
                .contains("Ӕ".getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void theDemoTellsAStory() throws Exception {
        assumeTrue(DEMO_MODEL != null, "this build has no demo model");
        Result result = good("demo", "--seed", "1");
        assertThat(result.text()).endsWith(".\n").contains(" the ");
        assertThat(result.err()).startsWith("rwkv: read 1 token ").contains("rwkv demo --save story.gguf");
        assertThat(good("demo", "--seed", "1").text()).isEqualTo(result.text());
    }

    @Test
    void theDemoModelCanBeKept() throws Exception {
        assumeTrue(DEMO_MODEL != null, "this build has no demo model");
        assertThat(good("demo", "--save", "story.gguf").out()).isEmpty();
        assertThat(good("info", "story.gguf").text()).contains("RWKV-7");
        assertThat(run("demo", "--save", "story.gguf").status()).isEqualTo(2);
    }

    /** Greedily, the text goes round in circles and never ends by itself. */
    private static Process startEndless(String... more) throws IOException {
        String[] command = {"generate", "-m", MODEL, "-p", "abc", "--temperature", "0", "-n", "1000000000"};
        String[] all = Stream.concat(Arrays.stream(command), Arrays.stream(more)).toArray(String[]::new);
        return CommandLine.command(folder, all).redirectError(folder.resolve("endless.err").toFile()).start();
    }

    @ParameterizedTest
    @CsvSource({"INT, 130", "TERM, 143"})
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "there are no signals to send to a process")
    void aSignalEndsAGeneration(String signal, int status) throws Exception {
        assumeTrue(!signal.equals("INT") || !interruptsAreIgnored(), "who started the tests ignores SIGINT");
        Process process = startEndless("--save-state", "interrupted.state");
        try (InputStream out = process.getInputStream()) {
            assertThat(out.read()).isNotNegative();
            new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();
            CompletableFuture.runAsync(() -> drain(out));
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue()).isEqualTo(status);
        assertThat(folder.resolve("endless.err")).content().startsWith("rwkv: read 3 tokens").hasLineCount(1);
        assertThat(folder.resolve("interrupted.state")).doesNotExist();
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "a pipe without a reader ends no process there")
    void aReaderThatLeavesEndsIt() throws Exception {
        Process process = startEndless();
        try {
            try (InputStream out = process.getInputStream()) {
                assertThat(out.read()).isNotNegative();
            }
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue()).isEqualTo(141);
        assertThat(folder.resolve("endless.err")).isEmptyFile();
    }

    private static void drain(InputStream stream) {
        try {
            stream.transferTo(OutputStream.nullOutputStream());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** As of what a shell without job control starts in the background; a child inherits it. */
    private static boolean interruptsAreIgnored() throws IOException {
        Path status = Path.of("/proc/self/status");
        return Files.exists(status) && Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 1 << 1) != 0);
    }

    private static String tokens() {
        return Arrays.stream(golden.tokens()).mapToObj(Integer::toString).collect(Collectors.joining(","));
    }

    private static Result good(String... arguments) throws IOException, InterruptedException {
        Result result = run(arguments);
        assertThat(result.status()).as(result.err()).isZero();
        return result;
    }

    private static Result run(String... arguments) throws IOException, InterruptedException {
        return CommandLine.run(folder, arguments);
    }
}
