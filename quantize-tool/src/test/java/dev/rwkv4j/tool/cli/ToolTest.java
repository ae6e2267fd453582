package dev.rwkv4j.tool.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;

class ToolTest {
    private final Capture capture = new Capture();
    private Throwable failure;

    private final Command greet = new Command() {
        @Override
        public Manual manual() {
            return Manual.of("greet", "say hello")
                    .usage("[NAME]")
                    .purpose("Says hello to somebody.")
                    .operand("[NAME]")
                    .section("Manner")
                    .flag("l", "loud", "in a loud voice")
                    .example("Greet Mia", "greet Mia")
                    .build();
        }

        @Override
        public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
            switch (failure) {
                case null -> terminal.out().println("hello " + arguments.operand(0).orElse("you"));
                case UsageException e -> throw e;
                case IOException e -> throw e;
                case RuntimeException e -> throw e;
                default -> throw (Error) failure;
            }
        }
    };

    @Test
    void runsACommand() {
        assertThat(run("greet", "Zoë 😀")).isZero();
        assertThat(capture.out()).isEqualTo("hello Zoë 😀\n");
        assertThat(capture.err()).isEmpty();
    }

    @Test
    void helpIsAResult() {
        assertThat(run("greet", "--help")).isZero();
        assertThat(run("help", "greet")).isZero();
        assertThat(run("greet", "too", "many", "-h")).isZero();
        String page = """
                rwkv greet: say hello

                Usage: rwkv greet [NAME]

                Says hello to somebody.

                Manner:
                  -l, --loud                in a loud voice

                Other:
                  -h, --help                show this page
                      --debug               show where in the program an error arose

                Examples:
                  # Greet Mia
                  rwkv greet Mia
                """;
        assertThat(capture.out()).isEqualTo(page.repeat(3));
        assertThat(capture.err()).isEmpty();
    }

    @Test
    void theOverviewListsCommands() {
        assertThat(run("--help")).isZero();
        assertThat(capture.out()).contains("\n  greet                     say hello\n");
    }

    @Test
    void nothingTypedIsAMistakeButShowsTheOverview() {
        assertThat(run()).isEqualTo(2);
        assertThat(capture.out()).isEmpty();
        assertThat(capture.err()).contains("\n  greet                     say hello\n");
    }

    @Test
    void version() {
        assertThat(run("--version")).isZero();
        assertThat(capture.out()).isEqualTo("version 7\n");
    }

    @Test
    void mistypedCommands() {
        assertThat(run("gret")).isEqualTo(2);
        assertThat(run("help", "paint")).isEqualTo(2);
        assertThat(run("--loud")).isEqualTo(2);
        assertThat(capture.err()).isEqualTo("""
                rwkv: unknown command gret, did you mean greet?; see rwkv --help
                rwkv: unknown command paint; see rwkv --help
                rwkv: unknown option --loud, expected a command; see rwkv --help
                """);
    }

    @Test
    void failuresAreOneLineAndACode() {
        failsWith(new UsageException("no such colour"), 2, "no such colour");
        failsWith(new IOException("disk on fire"), 1, "disk on fire");
        failsWith(new NoSuchFileException("a.gguf"), 1, "a.gguf: no such file");
        failsWith(new AccessDeniedException("a.gguf"), 1, "a.gguf: permission denied");
        failsWith(new FileSystemException("a.gguf", null, "is a directory"), 1, "a.gguf: is a directory");
        failsWith(new IllegalArgumentException("first line\nsecond line"), 1, "first line");
        failsWith(new OutOfMemoryError("Java heap space"), 1, "out of memory: Java heap space");
        failsWith(new NullPointerException("x is null"), 1,
                "internal error: java.lang.NullPointerException: x is null (--debug shows where)");
        failsWith(new IllegalStateException(), 1,
                "internal error: java.lang.IllegalStateException (--debug shows where)");
    }

    private void failsWith(Throwable thrown, int status, String message) {
        failure = thrown;
        String before = capture.err();
        assertThat(run("greet")).isEqualTo(status);
        assertThat(capture.err().substring(before.length())).isEqualTo("rwkv: " + message + "\n");
    }

    @Test
    void aCancelledCommandIsQuiet() {
        failure = new CancellationException("cancelled");
        assertThat(run("greet")).isEqualTo(130);
        assertThat(capture.err()).isEmpty();
    }

    @Test
    void debugShowsWhere() {
        failure = new IOException("disk on fire");
        assertThat(run("greet", "--debug")).isEqualTo(1);
        assertThat(capture.err()).contains("disk on fire", "at dev.rwkv4j.tool.cli.ToolTest");
    }

    @Test
    void aReaderThatHasHadEnoughIsNoError() {
        assertThat(runInto("Broken pipe")).isEqualTo(141);
        assertThat(capture.err()).isEmpty();
    }

    @Test
    void outputThatCanNotBeWrittenIsAnError() {
        assertThat(runInto("No space left on device")).isEqualTo(1);
        assertThat(capture.err()).isEqualTo("rwkv: standard output: No space left on device\n");
    }

    private int runInto(String problem) {
        OutputStream out = new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException(problem);
            }
        };
        OutputStream err = capture.terminal().err();
        return tool().run(List.of("greet"), new Terminal(InputStream.nullInputStream(), out, err, Set.of()));
    }

    private int run(String... typed) {
        return tool().run(List.of(typed), capture.terminal());
    }

    private Tool tool() {
        return new Tool("a tool for tests", () -> "version 7", List.of(greet));
    }
}
