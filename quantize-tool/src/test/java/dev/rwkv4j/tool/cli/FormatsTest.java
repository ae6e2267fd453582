package dev.rwkv4j.tool.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FormatsTest {
    @ParameterizedTest
    @CsvSource({"0, 0 bytes", "1, 1 byte", "999, 999 bytes", "1000, 1.00 kB", "999499, 999 kB", "999500, 1.00 MB",
            "1528000000, 1.53 GB", "9223372036854775807, 9.22 EB"})
    void bytes(long bytes, String text) {
        assertThat(Figures.bytes(bytes)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"12, 12", "191084544, 191 million", "1527404544, 1.53 billion"})
    void counts(long count, String text) {
        assertThat(Figures.count(count)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"0, 0.00 s", "0.994, 0.99 s", "0.996, 1.0 s", "9.94, 9.9 s", "9.96, 10 s", "59.6, 1:00 min",
            "185, 3:05 min", "7800, 2:10 h"})
    void seconds(double seconds, String text) {
        assertThat(Figures.seconds(seconds)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"0, 0.00", "0.012345, 0.0123", "1.2345, 1.23", "18.84, 18.8", "932.4, 932", "93241, 93241",
            "-1.5, -1.50"})
    void significantDigits(double value, String text) {
        assertThat(Figures.significant(value)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"12.3456, 0.0678, 12.346 ± 0.068", "1234.5, 98.7, 1234 ± 99", "98765, 1234, 98765 ± 1200",
            "0.5, 0.0995, 0.50 ± 0.10", "1.25, 0, 1.25", "1.25, NaN, 1.25", "NaN, NaN, NaN"})
    void measuredValues(double value, double error, String text) {
        assertThat(Figures.withError(value, error)).isEqualTo(text);
    }

    @Test
    void lists() {
        assertThat(Figures.list(List.of("a"))).isEqualTo("a");
        assertThat(Figures.list(List.of("a", "b"))).isEqualTo("a or b");
        assertThat(Figures.list(List.of("a", "b", "c"))).isEqualTo("a, b or c");
    }

    @Test
    void json() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("text", "\"a\\b\"\n\t\u0001é😀");
        map.put("numbers", Arrays.asList(1, 2.5, Float.NaN, Double.POSITIVE_INFINITY));
        map.put("mixed", Arrays.asList(1, null));
        map.put("nothing", Map.of());
        map.put("none", List.of());
        map.put("truth", true);
        assertThat(Json.of(map)).isEqualTo("""
                {
                  "text": "\\"a\\\\b\\"\\n\\t\\u0001é😀",
                  "numbers": [1, 2.5, null, null],
                  "mixed": [
                    1,
                    null
                  ],
                  "nothing": {},
                  "none": [],
                  "truth": true
                }""");
        assertThatThrownBy(() -> Json.of(List.of(Thread.currentThread()))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("Thread");
    }

    @Test
    void tables() {
        assertThat(new Table("type", "bytes").row("F32", "1").row("Q4_0 x", "1234567").toString()).isEqualTo("""
                type      bytes
                F32           1
                Q4_0 x  1234567
                """);
    }

    @Test
    void longTextIsWrappedBetweenWords() {
        String page = HelpPage.entry("-x, --example VALUE", "word ".repeat(30).strip());
        assertThat(page.lines()).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(80))
                .hasSize(3)
                .first().asString().isEqualTo("  -x, --example VALUE       " + "word ".repeat(10).strip());
        assertThat(HelpPage.entry("-x, --an-option-with-a-long-name VALUE", "description")).isEqualTo("""
                  -x, --an-option-with-a-long-name VALUE
                """.indent(0) + " ".repeat(28) + "description\n");
    }

    @ParameterizedTest
    @CsvSource({"nifo, info", "inf, info", "inofs,", "covnert, convert", "quantize, quantise", "x,"})
    void suggestions(String typed, String meant) {
        assertThat(Suggestion.of(typed, List.of("convert", "info", "quantise")).orElse(null)).isEqualTo(meant);
    }

    @Test
    void ofWordsEquallyNearTheOneThatBeginsAlikeIsMeant() {
        assertThat(Suggestion.of("rwkv7-9b", List.of("rwkv4-3b", "rwkv7-2.9b", "rwkv6-3b"))).contains("rwkv7-2.9b");
    }

    @Test
    void progressIsForTerminals() {
        Capture pipe = new Capture();
        long[] now = {0};
        try (Progress progress = new Progress(pipe.terminal(), "writing", () -> now[0])) {
            now[0] = 1_000_000_000;
            progress.update(0.25);
        }
        assertThat(pipe.err()).isEmpty();
    }

    @Test
    void progressTellsRateAndTimeLeft() {
        Capture screen = new Capture(Terminal.Stream.ERR);
        long[] now = {0};
        try (Progress progress = new Progress(screen.terminal(), "writing", () -> now[0])) {
            progress.update(0, 1000);
            now[0] = 1_000_000_000;
            progress.update(250, 1000);
            now[0] += 1_000_000;
            progress.update(260, 1000);
            assertThat(screen.err()).isEqualTo("\r\033[Kwriting: 25 %, 250 bytes/s, 3.0 s left");
            now[0] = 2_000_000_000;
            progress.update(0.5);
            assertThat(screen.err()).endsWith("\r\033[Kwriting: 50 %, 2.0 s left");
        }
        assertThat(screen.err()).endsWith("left\r\033[K");
    }

    @Test
    void progressTellsWhatElseThereIsToKnow() {
        Capture screen = new Capture(Terminal.Stream.ERR);
        long[] now = {0};
        try (Progress progress = new Progress(screen.terminal(), "reading", () -> now[0])) {
            now[0] = 4_000_000_000L;
            progress.update(0.5, "3 found");
            assertThat(screen.err()).endsWith("\r\033[Kreading: 50 %, 3 found, 4.0 s left");
            now[0] = 5_000_000_000L;
            progress.update(Double.NaN, "7 found");
            assertThat(screen.err()).endsWith("\r\033[Kreading: 7 found");
        }
    }
}
