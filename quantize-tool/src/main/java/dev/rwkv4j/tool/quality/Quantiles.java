package dev.rwkv4j.tool.quality;

/**
 * Quantiles of any number of values in constant memory, to 0.1 %: counts how many values share the upper bits of their
 * float representation.
 */
public final class Quantiles {
    /** Sign, exponent and nine bits of the fraction remain. */
    private static final int DROPPED_BITS = 14;

    private final long[] counts = new long[(Float.floatToRawIntBits(Float.POSITIVE_INFINITY) >> DROPPED_BITS) + 1];
    private long count;
    private double largest;

    /** Of nothing yet. */
    public Quantiles() {
    }

    /**
     * Adds a value.
     *
     * @param value not negative
     */
    public void add(double value) {
        counts[Float.floatToRawIntBits((float) value) >> DROPPED_BITS]++;
        count++;
        largest = Math.max(largest, value);
    }

    /**
     * A value that a share of all values does not exceed.
     *
     * @param share from 0 to 1, for example 0.5 for the median
     * @return the middle of the range of values in which it lies; NaN if there are none
     */
    public double quantile(double share) {
        if (count == 0) {
            return Double.NaN;
        }
        long rank = Math.max(1, (long) Math.ceil(share * count));
        int range = 0;
        for (long below = counts[0]; below < rank; below += counts[range]) {
            range++;
        }
        return range == 0 ? 0 : Math.min(largest, (lowest(range) + lowest(range + 1)) / 2);
    }

    /** {@return the largest value, exactly; 0 if there are none} */
    public double largest() {
        return largest;
    }

    private static double lowest(int range) {
        return Float.intBitsToFloat(range << DROPPED_BITS);
    }
}
