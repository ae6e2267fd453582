package dev.rwkv4j.tool.cli;

import java.io.PrintStream;
import java.util.function.LongSupplier;

/**
 * One line that tells how far something is, how fast it goes and how long it will take; only on a terminal. The line is
 * wiped by {@link #close}.
 */
public final class Progress implements AutoCloseable {
    private static final long NANOS_BETWEEN = 100_000_000;
    private static final double NANOS = 1e9;
    private static final String WIPE = "\r\033[K";

    private final PrintStream err;
    private final boolean visible;
    private final String what;
    private final LongSupplier clock;
    private final long start;
    private long shown;

    /**
     * Begins.
     *
     * @param what is done, for example {@code writing model.gguf}
     */
    public Progress(Terminal terminal, String what) {
        this(terminal, what, System::nanoTime);
    }

    Progress(Terminal terminal, String what, LongSupplier clock) {
        this.err = terminal.err();
        this.visible = terminal.isTerminal(Terminal.Stream.ERR);
        this.what = what;
        this.clock = clock;
        this.start = clock.getAsLong();
        this.shown = start;
    }

    /**
     * Tells how far it is.
     *
     * @param fraction from 0 to 1
     */
    public void update(double fraction) {
        update(fraction, "");
    }

    /**
     * Tells how far it is.
     *
     * @param bytesDone so many
     * @param bytesInAll of so many
     */
    public void update(long bytesDone, long bytesInAll) {
        update((double) bytesDone / bytesInAll, Figures.bytes((long) (bytesDone / seconds())) + "/s");
    }

    /**
     * Tells how far it is, and more.
     *
     * @param fraction from 0 to 1; NaN if nobody knows
     * @param detail what else there is to be known
     */
    public void update(double fraction, String detail) {
        String separator = detail.isEmpty() ? "" : ", ";
        if (Double.isNaN(fraction)) {
            show(detail);
        } else if (fraction > 0) {
            String left = Figures.seconds(seconds() * Math.max(0, 1 - fraction) / fraction) + " left";
            show((int) (100 * fraction) + " %" + separator + detail + ", " + left);
        }
    }

    private void show(String state) {
        long now = clock.getAsLong();
        if (visible && now - shown >= NANOS_BETWEEN) {
            shown = now;
            err.print(WIPE + what + ": " + state);
            err.flush();
        }
    }

    private double seconds() {
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
