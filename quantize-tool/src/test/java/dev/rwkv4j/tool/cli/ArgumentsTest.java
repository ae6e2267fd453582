package dev.rwkv4j.tool.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.AbstractThrowableAssert;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArgumentsTest {
    private static final Manual MANUAL = Manual.of("paint", "paint a picture")
            .operand("IN")
            .operand("[OUT]")
            .section("Options")
            .value("c", "colour", "NAME", "which colour")
            .value("n", "count", "N", "how many")
            .value(null, "temperature", "T", "how hot")
            .flag("w", "wet", "on wet paper")
            .build();

    @Test
    void readsOptionsAndOperandsInAnyOrder() throws UsageException {
        Arguments arguments = parse("--colour=red", "in.txt", "-n", "3", "-w", "out.txt", "--temperature", "0.5");
        assertThat(arguments.text("colour")).contains("red");
        assertThat(arguments.integer("count", 1, 0, 9)).isEqualTo(3);
        assertThat(arguments.number("temperature", 1, 0, 2)).isEqualTo(0.5);
        assertThat(arguments.has("wet")).isTrue();
        assertThat(arguments.operandPath(0)).isEqualTo(Path.of("in.txt"));
        assertThat(arguments.operand(1)).contains("out.txt");
    }

    @Test
    void whatIsNotGivenIsAbsent() throws UsageException {
        Arguments arguments = parse("in.txt");
        assertThat(arguments.text("colour")).isEmpty();
        assertThat(arguments.integer("count", 7, 0, 9)).isEqualTo(7);
        assertThat(arguments.number("temperature", 1.5, 0, 2)).isEqualTo(1.5);
        assertThat(arguments.choice("colour", List.of(TimeUnit.DAYS))).isEmpty();
        assertThat(arguments.has("wet")).isFalse();
        assertThat(arguments.operand(1)).isEmpty();
    }

    @Test
    void theLastOfSeveralCounts() throws UsageException {
        Arguments arguments = parse("in.txt", "-n", "1", "-n", "2");
        assertThat(arguments.integer("count", 0, 0, 9)).isEqualTo(2);
        assertThat(arguments.integers("count", 0, 9)).containsExactly(1, 2);
        assertThat(parse("in.txt", "-n", "1,2", "-n", "3").integers("count", 0, 9)).containsExactly(1, 2, 3);
        refused(() -> parse("in.txt", "-n", "1,,2").integers("count", 0, 9))
                .hasMessage("-n, --count is , expected an integer from 0 to 9");
    }

    @Test
    void theLastOperandMayBeRepeated() throws UsageException {
        Manual manual = Manual.of("mix", "mix colours").operand("A").operand("B...").build();
        Arguments arguments = Arguments.parse(manual, List.of("a", "b", "c", "d"));
        assertThat(arguments.operandPaths(1)).containsExactly(Path.of("b"), Path.of("c"), Path.of("d"));
        refused(() -> Arguments.parse(manual, List.of("a"))).hasMessage("B... is missing; see rwkv mix --help");
    }

    @Test
    void quotesAreKept() throws UsageException {
        assertThat(parse("in.txt", "-c", "\"red\"").text("colour")).contains("\"red\"");
    }

    @Test
    void choicesAreReadInAnyCase() throws UsageException {
        List<TimeUnit> choices = List.of(TimeUnit.DAYS, TimeUnit.HOURS, TimeUnit.SECONDS);
        assertThat(parse("in.txt", "-c", "hours").choice("colour", choices)).contains(TimeUnit.HOURS);
        refused(() -> parse("in.txt", "-c", "weeks").choice("colour", choices))
                .hasMessage("-c, --colour is weeks, expected one of DAYS, HOURS or SECONDS");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "                       | IN is missing; see rwkv paint --help",
            "a b c                  | unexpected c, expected IN [OUT]; see rwkv paint --help",
            "a --color red          | unknown option --color, did you mean --colour?; see rwkv paint --help",
            "a --brush              | unknown option --brush; see rwkv paint --help",
            "a -n                   | option -n, --count lacks its value N; see rwkv paint --help",
            "a --co red             | option --co may be --colour or --count; see rwkv paint --help",
    })
    void saysWhatIsWrongWithTheCommandLine(String typed, String message) {
        refused(() -> parse(typed == null ? new String[0] : typed.split(" "))).hasMessage(message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "x    | -n, --count is x, expected an integer from 1 to 9",
            "0    | -n, --count is 0, expected an integer from 1 to 9",
            "10   | -n, --count is 10, expected an integer from 1 to 9",
            "1.5  | -n, --count is 1.5, expected an integer from 1 to 9",
    })
    void saysWhatIntegerIsExpected(String value, String message) {
        refused(() -> parse("a", "-n", value).integer("count", 1, 1, 9)).hasMessage(message);
    }

    @Test
    void boundsThatMeanNothingAreNotMentioned() {
        refused(() -> parse("a", "-n", "x").integer("count", 1, 1, Integer.MAX_VALUE))
                .hasMessage("-n, --count is x, expected an integer of at least 1");
        refused(() -> parse("a", "-n", "x").integer("count", 1, Long.MIN_VALUE, Long.MAX_VALUE))
                .hasMessage("-n, --count is x, expected an integer");
        refused(() -> parse("a", "--temperature", "x").number("temperature", 1, 0, Double.MAX_VALUE))
                .hasMessage("--temperature is x, expected a number of at least 0");
    }

    @ParameterizedTest
    @CsvSource({"-0.1", "2.5", "NaN", "hot"})
    void saysWhatNumberIsExpected(String value) {
        refused(() -> parse("a", "--temperature=" + value).number("temperature", 1, 0, 2))
                .hasMessage("--temperature is " + value + ", expected a number from 0 to 2");
    }

    @Test
    void aPathThatIsNoneIsRefused() {
        refused(() -> parse("a", "-c", "x\0y").path("colour")).hasMessage("-c, --colour is not a path: x?y");
    }

    @Test
    void requiredAndExclusiveOptions() {
        refused(() -> parse("a").requiredPath("colour")).hasMessage("option -c, --colour NAME is missing");
        refused(() -> parse("a", "-w", "-c", "red").exclude("colour", "wet"))
                .hasMessage("options -c, --colour and -w, --wet exclude each other");
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> refused(ThrowingCallable call) {
        return assertThatThrownBy(call).isInstanceOf(UsageException.class);
    }

    private static Arguments parse(String... typed) throws UsageException {
        return Arguments.parse(MANUAL, List.of(typed));
    }
}
