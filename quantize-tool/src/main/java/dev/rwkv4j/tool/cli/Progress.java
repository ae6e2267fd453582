package dev.rwkv4j.tool.cli;

import java.io.PrintStream;
import java.util.function.DoubleConsumer;
import java.util.function.LongSupplier;

/**
 * One line that tells how far something is, how fast it goes and how long it will take; only on a terminal. The line is
 * wiped by {@link #close}.
 */
public final class Progress implements DoubleConsumer, AutoCloseable {
    private static final long NANOS_BETWEEN = 100_000_000;
    private static final double NANOS = 1e9;
    private static final String WIPE = "\r\033[K";

    private final PrintStream err;
    private final boolean visible;
    private final String what;
    private final long bytes;
    private final LongSupplier clock;
    private final long start;
    private long shown;

    /**
     * Begins.
     *
     * @param what is done, for example {@code writing model.gguf}
     * @param bytes how many bytes will be written, 0 if that is not known
     */
    public Progress(Terminal terminal, String what, long bytes) {
        this(terminal, what, bytes, System::nanoTime);
    }

    Progress(Terminal terminal, String what, long bytes, LongSupplier clock) {
        this.err = terminal.err();
        this.visible = terminal.errIsTerminal();
        this.what = what;
        this.bytes = bytes;
        this.clock = clock;
        this.start = clock.getAsLong();
        this.shown = start;
    }

    /**
     * Tells how far it is.
     *
     * @param fraction from 0 to 1
     */
    @Override
    public void accept(double fraction) {
        long now = clock.getAsLong();
        if (visible && fraction > 0 && now - shown >= NANOS_BETWEEN) {
            shown = now;
            err.print(WIPE + line(fraction, (now - start) / NANOS));
            err.flush();
        }
    }

    private String line(double fraction, double seconds) {
        StringBuilder line = new StringBuilder(what).append(": ").append((int) (100 * fraction)).append(" %");
        if (bytes > 0) {
            line.append(", ").append(Figures.bytes((long) (fraction * bytes / seconds))).append("/s");
        }
        return line.append(", ").append(Figures.seconds(seconds * (1 - fraction) / fraction)).append(" left")
                .toString();
    }

    /** {@return seconds since the beginning} */
    public double seconds() {
        return (clock.getAsLong() - start) / NANOS;
    }

    @Override
    public void close() {
        if (shown > start) {
            err.print(WIPE);
            err.flush();
        }
    }
}
