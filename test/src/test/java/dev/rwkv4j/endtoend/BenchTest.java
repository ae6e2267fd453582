package dev.rwkv4j.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.rwkv4j.testdata.CommandLine;
import dev.rwkv4j.testdata.CommandLine.Result;
import dev.rwkv4j.testdata.GoldenModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code rwkv bench}: what it measures and writes, not how fast that is. */
class BenchTest {
    private static final String MODEL = "model.gguf";

    @TempDir
    private static Path folder;

    @BeforeAll
    static void convert() throws Exception {
        good("convert", GoldenModel.read("rwkv7-bf16").checkpoint().toString(), MODEL);
    }

    @Test
    void everyModelWithEveryNumberOfThreads() throws Exception {
        JsonArray json = JsonParser.parseString(good("bench", "-m", MODEL, "-m", MODEL, "-t", "1,2", "-p", "8", "-n",
                "4", "-r", "3", "-b", "2,3", "--zeros", "--json").text()).getAsJsonArray();
        assertThat(json).extracting(entry -> entry.getAsJsonObject().get("threads").getAsInt())
                .containsExactly(1, 2, 1, 2);
        JsonObject last = json.get(3).getAsJsonObject();
        assertThat(last.get("model").getAsString()).isEqualTo(MODEL);
        assertThat(last.keySet()).contains("load_ms", "peak_rss_bytes", "kernels");
        assertRange(last, "prompt_");
        assertRange(last, "decode_");
        assertThat(last.get("hidden_zeros").getAsDouble()).as("random weights leave about a half")
                .isBetween(0.3, 0.7);
        List<JsonElement> batches = last.getAsJsonArray("batches").asList();
        assertThat(batches).extracting(batch -> batch.getAsJsonObject().get("texts").getAsInt()).containsExactly(2, 3);
        batches.forEach(batch -> assertRange(batch.getAsJsonObject(), ""));
    }

    private static void assertRange(JsonObject entry, String what) {
        double median = entry.get(what + "tokens_per_second").getAsDouble();
        JsonArray range = entry.getAsJsonArray(what + "tokens_per_second_range");
        assertThat(median).isPositive().isBetween(range.get(0).getAsDouble(), range.get(1).getAsDouble());
    }

    @Test
    void asATable() throws Exception {
        Result result = good("bench", "-m", MODEL, "-p", "8", "-n", "4", "-r", "1", "-b", "2");
        assertThat(result.text()).startsWith("model").contains(MODEL, "tokens/s", "prompt of 8", "batch of 2");
        assertThat(result.err()).isEmpty();
    }

    @Test
    void aCurveIsAPictureAndData() throws Exception {
        assertThat(good("bench", "-m", MODEL, "--curve", "long.svg", "-n", "450").text()).startsWith("tokens")
                .contains("450", "in the last");
        assertThat(folder.resolve("long.svg")).content().startsWith("<svg").endsWith("</svg>\n").contains(
                "450 tokens with model.gguf");
        JsonObject data = JsonParser.parseString(Files.readString(folder.resolve("long.json"))).getAsJsonObject();
        List<JsonElement> tokens = data.getAsJsonArray("tokens").asList();
        assertThat(tokens).hasSize(201);
        assertThat(tokens.getFirst().getAsInt()).isZero();
        assertThat(tokens.getLast().getAsInt()).isEqualTo(450);
        assertThat(data.getAsJsonArray("seconds").asList()).hasSize(201).extracting(JsonElement::getAsDouble)
                .isSorted();
        assertThat(data.getAsJsonArray("resident_bytes")).hasSize(201);

        Result again = CommandLine.run(folder, "bench", "-m", MODEL, "--curve", "long.svg", "-n", "2");
        assertThat(again.err()).isEqualTo("rwkv: long.svg exists already; --force replaces it\n");
        assertThat(again.status()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "--curve a.png | --curve is a.png, expected a file whose name ends with .svg",
            "--curve a.svg -t 1,2 | --curve is of one number of threads, not of 2",
            "--curve a.svg -m model.gguf | --curve is of one model, not of 2",
            "--curve a.svg -b 2 | options --curve and -b, --batch exclude each other",
            "--curve no/a.svg | no/a.svg: its directory does not exist",
            "-t 0 | -t, --threads is 0, expected an integer from 1 to 1024",
            "-b 1,x | -b, --batch is x, expected an integer from 1 to 4096",
    })
    void whatMakesNoSenseIsRefused(String options, String message) throws Exception {
        Result result = CommandLine.run(folder, ("bench -m model.gguf " + options).split(" "));
        assertThat(result.err()).isEqualTo("rwkv: " + message + "\n");
        assertThat(result.status()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "there are no signals to send to a process")
    void aSignalEndsACurveAndLeavesNothing() throws Exception {
        Process process = CommandLine.command(folder, "bench", "-m", MODEL, "--curve", "never.svg", "-n", "16000000")
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(folder.resolve("never.err").toFile())
                .start();
        try {
            while (process.info().totalCpuDuration().orElse(Duration.ZERO).compareTo(Duration.ofSeconds(2)) < 0) {
                assertThat(process.waitFor(50, TimeUnit.MILLISECONDS)).isFalse();
            }
            process.destroy();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue()).isEqualTo(143);
        assertThat(folder.resolve("never.err")).isEmptyFile();
        try (var files = Files.list(folder)) {
            assertThat(files).noneMatch(file -> file.getFileName().toString().contains("never.svg")
                    || file.getFileName().toString().contains("never.json"));
        }
    }

    private static Result good(String... arguments) throws IOException, InterruptedException {
        Result result = CommandLine.run(folder, arguments);
        assertThat(result.status()).as(result.err()).isZero();
        return result;
    }
}
