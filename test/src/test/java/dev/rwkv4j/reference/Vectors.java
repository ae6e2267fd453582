package dev.rwkv4j.reference;

import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

/** The elementwise operations and norms of the equations. Every one returns a new array. */
final class Vectors {
    private Vectors() {
    }

    static double[] map(double[] x, DoubleUnaryOperator f) {
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = f.applyAsDouble(x[i]);
        }
        return y;
    }

    static double[] map(double[] a, double[] b, DoubleBinaryOperator f) {
        if (a.length != b.length) {
            throw new IllegalArgumentException("lengths differ: " + a.length + " and " + b.length);
        }
        double[] y = new double[a.length];
        for (int i = 0; i < a.length; i++) {
            y[i] = f.applyAsDouble(a[i], b[i]);
        }
        return y;
    }

    static double[] add(double[] a, double[] b) {
        return map(a, b, Double::sum);
    }

    static double[] multiply(double[] a, double[] b) {
        return map(a, b, (p, q) -> p * q);
    }

    /** {@code a + (b - a) m}, elementwise. */
    static double[] lerp(double[] a, double[] b, double[] m) {
        return add(a, multiply(map(b, a, (p, q) -> p - q), m));
    }

    static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    static double silu(double x) {
        return x * sigmoid(x);
    }

    static double reluSquared(double x) {
        return x > 0 ? x * x : 0;
    }

    /** {@code (x - mean) / sqrt(variance + epsilon)}, the variance divided by n. */
    static double[] normalise(double[] x, double epsilon) {
        double mean = 0;
        for (double value : x) {
            mean += value / x.length;
        }
        double variance = 0;
        for (double value : x) {
            variance += (value - mean) * (value - mean) / x.length;
        }
        double centre = mean;
        double scale = 1 / Math.sqrt(variance + epsilon);
        return map(x, value -> (value - centre) * scale);
    }

    /** {@code x / max(|x|, 1e-12)}. */
    static double[] toUnitLength(double[] x) {
        double squares = 0;
        for (double value : x) {
            squares += value * value;
        }
        double length = Math.max(Math.sqrt(squares), 1e-12);
        return map(x, value -> value / length);
    }

    /** Slice {@code index} of {@code size} values. */
    static double[] slice(double[] x, int index, int size) {
        return java.util.Arrays.copyOfRange(x, index * size, (index + 1) * size);
    }

    /** The inverse of {@link #slice}: puts {@code values} in place of slice {@code index} of {@code x}. */
    static void putSlice(double[] x, int index, double[] values) {
        System.arraycopy(values, 0, x, index * values.length, values.length);
    }
}
