package dev.rwkv4j;

/** The exponential of numbers that are not positive, in float arithmetic that gives the same bits on every machine. */
final class FastExp {
    private static final float LOG2_E = 1.44269504f;
    // ln 2 in two parts, so that the first times a small integer is exact.
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;
    /** 1.5 · 2²³: adding it rounds to an integer, which then stands in the lowest bits. */
    private static final float ROUNDER = 12582912f;
    /** From here down the result is 0. */
    private static final float LOWEST = -88;
    private static final int EXPONENT_BIAS = 127;
    private static final int MANTISSA_BITS = 23;

    private FastExp() {
    }

    /**
     * e to the power of x, to about 2 units in the last place; 0 where that would be a subnormal number.
     *
     * @param x not positive, possibly negative infinity
     */
    static float exp(float x) {
        float clamped = Math.max(x, LOWEST);
        float shifted = clamped * LOG2_E + ROUNDER;
        float n = shifted - ROUNDER;
        float r = clamped - n * LN2_HIGH - n * LN2_LOW;
        // e^r on −½ ln 2 to ½ ln 2, a minimax polynomial (Cephes, expf)
        float p = 1.9875691500e-4f;
        p = p * r + 1.3981999507e-3f;
        p = p * r + 8.3334519073e-3f;
        p = p * r + 4.1665795894e-2f;
        p = p * r + 1.6666665459e-1f;
        p = p * r + 5.0000001201e-1f;
        float power = Float.intBitsToFloat((Float.floatToRawIntBits(shifted) + EXPONENT_BIAS) << MANTISSA_BITS);
        return (p * r * r + r + 1) * power;
    }
}
