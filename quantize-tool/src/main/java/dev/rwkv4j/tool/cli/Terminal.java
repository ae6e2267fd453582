package dev.rwkv4j.tool.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** Where a command reads and prints. */
public final class Terminal {
    /**
     * The system property by which the launcher, which can ask, tells which of {@code out} and {@code err} are
     * terminals: their names, separated by a comma.
     */
    private static final String PROPERTY = "dev.rwkv4j.tool.terminals";

    /** What may be a terminal, or a file or pipe. */
    public enum Stream {
        /** The standard output. */
        OUT,
        /** The standard error. */
        ERR
    }

    private final InputStream in;
    private final Output out;
    private final PrintStream err;
    private final Set<Stream> terminals;

    Terminal(InputStream in, OutputStream out, OutputStream err, Set<Stream> terminals) {
        this.in = in;
        this.out = new Output(out);
        this.err = new PrintStream(err, true, StandardCharsets.UTF_8);
        this.terminals = Set.copyOf(terminals);
    }

    /** That of the process. */
    public static Terminal ofProcess() {
        return new Terminal(
                new FileInputStream(FileDescriptor.in),
                new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 13),
                new FileOutputStream(FileDescriptor.err),
                Arrays.stream(Stream.values())
                        .filter(stream -> System.getProperty(PROPERTY, "")
                                .contains(stream.name().toLowerCase(Locale.ROOT)))
                        .collect(Collectors.toSet()));
    }

    /** Where a text comes from that is not among the arguments. */
    public InputStream in() {
        return in;
    }

    /** For results. */
    public Output out() {
        return out;
    }

    /** For everything else. */
    public PrintStream err() {
        return err;
    }

    /** Whether a person watches what is printed. */
    public boolean isTerminal(Stream stream) {
        return terminals.contains(stream);
    }
}
