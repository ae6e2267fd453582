package dev.rwkv4j;

/**
 * The exponential of numbers that are not positive. Plain arithmetic without branches and bit patterns: the compiler turns a
 * loop of it into vector instructions, and it gives the same bits on every machine.
 */
final class FastExp {
    /** From here down a float is 0: e to this power is below half of the smallest one. */
    private static final float LOWEST = -110;
    private static final double SCALE = 1.0 / 256;

    private FastExp() {
    }

    /**
     * e to the power of x, to one unit in the last place where the result is above 1e-20.
     *
     * @param x not positive, possibly negative infinity
     */
    static float exp(float x) {
        // (e^(x/256))^256, with a Taylor series inside. Double precision makes up for what squaring multiplies.
        double y = Math.max(x, LOWEST) * SCALE;
        double p = 1 / 5040.0;
        p = p * y + 1 / 720.0;
        p = p * y + 1 / 120.0;
        p = p * y + 1 / 24.0;
        p = p * y + 1 / 6.0;
        p = p * y + 0.5;
        p = p * y + 1;
        p = p * y + 1;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        return (float) p;
    }
}
