package dev.rwkv4j.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each case in a JVM of its own, for a library is loaded once. */
class NativeLibraryTest {
    @TempDir
    private Path folder;

    /** What those JVMs run: prints where the library came from, or why there is none. */
    static final class Program {
        private Program() {
        }

        public static void main(String[] arguments) {
            try {
                System.out.print(NativeLibrary.load());
            } catch (NativeLibraryException e) {
                System.out.print(e.getMessage());
                System.exit(1);
            }
        }
    }

    private record Result(int exitCode, String output) {
    }

    @Test
    void isExtractedFromTheJarIntoTheCacheAndFoundThereAgain() throws Exception {
        assumeTrue(Platform.current().os().equals("linux"),
                "skipped: the cache is moved by XDG_CACHE_HOME, on Linux only");

        Result first = load();
        assertThat(first.exitCode).as(first.output).isZero();
        assertThat(Path.of(first.output)).isRegularFile().startsWith(folder.toAbsolutePath());
        assertThat(load()).isEqualTo(first);

        Files.writeString(Path.of(first.output), "damaged");
        assertThat(load()).isEqualTo(first);
    }

    @Test
    void severalProcessesMayStartTogether() throws Exception {
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            processes.add(start());
        }
        for (Process process : processes) {
            Result result = resultOf(process);
            assertThat(result.exitCode).as(result.output).isZero();
        }
        if (Platform.current().os().equals("linux")) {
            try (Stream<Path> files = Files.walk(folder)) {
                assertThat(files.filter(Files::isRegularFile)).hasSize(1);
            }
        }
    }

    @Test
    void aCacheThatCannotBeWrittenIsReplacedByATemporaryFolder() throws Exception {
        assumeTrue(Platform.current().os().equals("linux"),
                "skipped: the cache is moved by XDG_CACHE_HOME, on Linux only");
        // A file in place of the folder: unlike a read-only folder, this stops root too.
        Files.createFile(folder.resolve("rwkv4j"));

        Result result = load("-Djava.io.tmpdir=" + Files.createDirectory(folder.resolve("tmp")));

        assertThat(result.exitCode).as(result.output).isZero();
        assertThat(result.output).startsWith(folder.resolve("tmp").toAbsolutePath().toString());
        assertThat(folder.resolve("tmp")).as("is left tidy").isEmptyDirectory();
    }

    @Test
    void whereNothingWorksTheExceptionSaysWhatWasTried() throws Exception {
        assumeTrue(Platform.current().os().equals("linux"),
                "skipped: the cache is moved by XDG_CACHE_HOME, on Linux only");
        Files.createFile(folder.resolve("rwkv4j"));

        Result result = load("-Djava.io.tmpdir=" + folder.resolve("absent"));

        assertThat(result.exitCode).isEqualTo(1);
        assertThat(result.output).contains("could not be loaded", "the cache " + folder.resolve("rwkv4j"), "absent",
                NativeLibrary.PROPERTY);
    }

    @Test
    void thePropertyNamesTheFile() throws Exception {
        Path library = Path.of(load().output);
        Path copy = Files.copy(library, folder.resolve("copy-of-" + library.getFileName()));

        assertThat(load("-D" + NativeLibrary.PROPERTY + "=" + copy))
                .isEqualTo(new Result(0, copy.toAbsolutePath().toString()));
    }

    @Test
    void aMissingFileIsNamedAndNothingElseTried() throws Exception {
        Path missing = folder.resolve("missing.so");

        Result result = load("-D" + NativeLibrary.PROPERTY + "=" + missing);

        assertThat(result.exitCode).isEqualTo(1);
        assertThat(result.output).contains(NativeLibrary.PROPERTY, missing + " is not a file")
                .doesNotContain("the jar");
    }

    @Test
    void aFileThatIsNoLibraryIsNamedWithTheReason() throws Exception {
        Path file = Files.writeString(folder.resolve("text.so"),
                "not a library, but long enough to have a header".repeat(9));

        Result result = load("-D" + NativeLibrary.PROPERTY + "=" + file);

        assertThat(result.exitCode).isEqualTo(1);
        assertThat(result.output).contains(file + " cannot be loaded: ");
    }

    @Test
    void processorsAndSystemsHaveOneNameEach() {
        assertThat(Platform.of("Linux", "amd64")).hasToString("linux-x86_64");
        assertThat(Platform.of("Linux", "aarch64")).hasToString("linux-aarch64");
        assertThat(Platform.of("Mac OS X", "aarch64")).hasToString("macos-aarch64");
        assertThat(Platform.of("Windows 11", "amd64")).hasToString("windows-x86_64");
        assertThat(Platform.of("FreeBSD", "riscv64")).hasToString("freebsd-riscv64");
    }

    private Result load(String... options) throws IOException, InterruptedException {
        return resultOf(start(options));
    }

    private Process start(String... options) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-Xmx32m", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED"));
        command.addAll(List.of(options));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Program.class.getName()));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("XDG_CACHE_HOME", folder.toAbsolutePath().toString());
        return builder.start();
    }

    private static Result resultOf(Process process) throws IOException, InterruptedException {
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(process.waitFor(), output);
    }
}
