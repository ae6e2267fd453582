package dev.rwkv4j;

import java.util.Arrays;

/**
 * Finds where a sorted list would be cut, without sorting it: a radix search over the bits of the weights, which for floats
 * that are not negative are in the order of their values. Each of three rounds looks at ten bits, adds up what falls into
 * each of 1024 bins, and goes on with the bin in which the goal is reached.
 */
final class WeightSelector {
    private static final int BITS = 10;
    private static final int BINS = 1 << BITS;
    /** Weights are at most 1, whose bits are below 2³⁰. */
    private static final int FIRST_SHIFT = 20;

    /** Neighbours use different copies of the bins: adding to one bin again and again would be slow. */
    private static final int COPIES = 4;

    private final double[] bins = new double[COPIES * BINS];

    /**
     * The largest weight such that all weights that are not smaller add up to a goal.
     *
     * @param weights 0 to 1; reordered and overwritten
     * @param count how many there are, at least one
     * @param goal what has to be reached; where even all are too little, the result is the smallest
     */
    float cutBySum(float[] weights, int count, double goal) {
        return cut(weights, count, goal, true);
    }

    /**
     * The k-th largest weight.
     *
     * @param weights 0 to 1; reordered and overwritten
     * @param count how many there are, at least k
     * @param k at least 1
     */
    float largest(float[] weights, int count, int k) {
        return cut(weights, count, k, false);
    }

    private float cut(float[] weights, int count, double goal, boolean bySum) {
        int left = count;
        double reached = 0;
        for (int shift = FIRST_SHIFT; shift >= 0 && left > 1; shift -= BITS) {
            int lowest = fill(weights, left, shift, bySum);
            int bin = BINS - 1;
            while (bin > lowest && reached + bins[bin] < goal) {
                reached += bins[bin--];
            }
            left = keep(weights, left, shift, bin);
        }
        return weights[0];
    }

    /** Adds up what falls into each bin; returns the lowest one that is not empty. */
    private int fill(float[] weights, int count, int shift, boolean bySum) {
        Arrays.fill(bins, 0);
        int lowest = BINS - 1;
        for (int i = 0; i < count; i++) {
            int bin = bin(weights[i], shift);
            bins[i % COPIES * BINS + bin] += bySum ? weights[i] : 1;
            lowest = Math.min(lowest, bin);
        }
        for (int bin = lowest; bin < BINS; bin++) {
            bins[bin] += bins[BINS + bin] + bins[2 * BINS + bin] + bins[3 * BINS + bin];
        }
        return lowest;
    }

    /** Moves the weights of a bin to the front; returns how many they are. */
    private static int keep(float[] weights, int count, int shift, int wanted) {
        int kept = 0;
        for (int i = 0; i < count; i++) {
            float weight = weights[i];
            weights[kept] = weight;
            kept += bin(weight, shift) == wanted ? 1 : 0;
        }
        return kept;
    }

    private static int bin(float weight, int shift) {
        return Float.floatToRawIntBits(weight) >>> shift & BINS - 1;
    }
}
