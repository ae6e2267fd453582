package dev.rwkv4j.tool.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Where a command reads and prints. */
public final class Terminal {
    /**
     * The system property by which the launcher, which can ask, tells which of {@code out} and {@code err} are
     * terminals: their names, separated by a comma.
     */
    private static final String PROPERTY = "dev.rwkv4j.tool.terminals";

    private final InputStream in;
    private final Output out;
    private final PrintStream err;
    private final boolean errIsTerminal;

    Terminal(InputStream in, OutputStream out, OutputStream err, boolean errIsTerminal) {
        this.in = in;
        this.out = new Output(out);
        this.err = new PrintStream(err, true, StandardCharsets.UTF_8);
        this.errIsTerminal = errIsTerminal;
    }

    /** That of the process. */
    public static Terminal ofProcess() {
        return new Terminal(
                new FileInputStream(FileDescriptor.in),
                new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 13),
                new FileOutputStream(FileDescriptor.err),
                System.getProperty(PROPERTY, "").contains("err"));
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

    /** Whether a person watches what is printed to {@link #err}, so that a line may be overwritten. */
    public boolean errIsTerminal() {
        return errIsTerminal;
    }
}
