package dev.rwkv4j.testdata;

import java.util.stream.IntStream;

/** How far numbers are from those that were expected. */
public final class Difference {
    private Difference() {
    }

    /** Largest absolute difference; infinite if anything is not a number or the lengths differ. */
    public static double absolute(double[] actual, double[] expected) {
        if (actual.length != expected.length) {
            return Double.POSITIVE_INFINITY;
        }
        double largest = 0;
        for (int i = 0; i < actual.length; i++) {
            double difference = Math.abs(actual[i] - expected[i]);
            if (Double.isNaN(difference)) {
                return Double.POSITIVE_INFINITY;
            }
            largest = Math.max(largest, difference);
        }
        return largest;
    }

    /** Largest absolute difference, divided by the largest absolute expected value. */
    public static double relative(double[] actual, double[] expected) {
        double largest = 0;
        for (double value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        return absolute(actual, expected) / largest;
    }

    /** The same for floats. */
    public static double relative(float[] actual, double[] expected) {
        return relative(toDoubles(actual), expected);
    }

    /** The same for floats. */
    public static double relative(float[] actual, float[] expected) {
        return relative(toDoubles(actual), toDoubles(expected));
    }

    /** The same numbers in another type. */
    public static double[] toDoubles(float[] values) {
        return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
    }

    /** Index of the largest value, the first of several. */
    public static int argmax(float[] values) {
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            if (values[i] > values[best]) {
                best = i;
            }
        }
        return best;
    }
}
