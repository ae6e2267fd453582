package dev.rwkv4j.testdata;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs the {@code rwkv} command in a process of its own, with as little Java heap as it has to make do with. */
public final class CommandLine {
    private static final String HEAP = "-Xmx64m";
    private static final int TIMEOUT_SECONDS = 120;

    private CommandLine() {
    }

    /**
     * What came of a run.
     *
     * @param status exit code
     * @param out all of the standard output
     * @param err all of the standard error
     */
    public record Result(int status, byte[] out, String err) {
        /** The standard output as text. */
        public String text() {
            return new String(out, StandardCharsets.UTF_8);
        }
    }

    /** What starts it. */
    public static ProcessBuilder command(Path folder, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                HEAP,
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                "dev.rwkv4j.tool.Main"));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).directory(folder.toFile());
    }

    /** Runs it in a folder and waits for its end. */
    public static Result run(Path folder, String... arguments) throws IOException, InterruptedException {
        return run(command(folder, arguments));
    }

    /** The same where no file can grow beyond 256 kB, which fails as a full disk does. Needs a POSIX shell. */
    public static Result runWithFullDisk(Path folder, String... arguments) throws IOException, InterruptedException {
        ProcessBuilder unlimited = command(folder, arguments);
        List<String> limited = new ArrayList<>(List.of("sh", "-c", "ulimit -f 512; exec \"$0\" \"$@\""));
        limited.addAll(unlimited.command());
        return run(unlimited.command(limited));
    }

    private static Result run(ProcessBuilder command) throws IOException, InterruptedException {
        Path err = Files.createTempFile("rwkv", ".err");
        Path out = Files.createTempFile("rwkv", ".out");
        try {
            Process process = command
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile())
                    .start();
            process.getOutputStream().close();
            if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IllegalStateException(command.command() + " ran longer than " + TIMEOUT_SECONDS + " s");
            }
            return new Result(process.exitValue(), Files.readAllBytes(out), Files.readString(err));
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }
}
