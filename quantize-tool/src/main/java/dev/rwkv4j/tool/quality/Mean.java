package dev.rwkv4j.tool.quality;

/** Mean and standard error of numbers that come one after the other (Welford's method). */
public final class Mean {
    private long count;
    private double mean;
    private double squares;

    /** Nothing yet. */
    public Mean() {
    }

    /** Adds a number. */
    public void add(double value) {
        count++;
        double difference = value - mean;
        mean += difference / count;
        squares += difference * (value - mean);
    }

    /** {@return how many numbers there are} */
    public long count() {
        return count;
    }

    /** {@return their mean; NaN if there are none} */
    public double value() {
        return count == 0 ? Double.NaN : mean;
    }

    /** {@return the standard error of the mean, as if the numbers were independent; NaN for fewer than two} */
    public double error() {
        return count < 2 ? Double.NaN : Math.sqrt(squares / (count - 1) / count);
    }
}
