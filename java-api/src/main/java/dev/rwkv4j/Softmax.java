package dev.rwkv4j;

/** The passes over a vocabulary's logits that a softmax is made of; loops that the compiler turns into vector instructions. */
final class Softmax {
    private Softmax() {
    }

    /**
     * The largest logit.
     *
     * @throws IllegalArgumentException if one is NaN or positive infinity, or all are negative infinity
     */
    static float largest(float[] logits) {
        float largest = Float.NEGATIVE_INFINITY;
        for (float logit : logits) {
            largest = Math.max(largest, logit); // NaN if one is NaN
        }
        if (Float.isNaN(largest) || largest == Float.POSITIVE_INFINITY) {
            int token = 0;
            while (logits[token] < Float.POSITIVE_INFINITY) {
                token++;
            }
            throw new IllegalArgumentException(
                    "the logit of token " + token + " is " + logits[token] + ", expected a finite number");
        }
        if (largest == Float.NEGATIVE_INFINITY) {
            throw new IllegalArgumentException("no token is left: all " + logits.length + " have no probability");
        }
        return largest;
    }

    /**
     * Computes probabilities that are still to be divided by their sum.
     *
     * @param weights receives {@code exp(logit − largest)} of each logit
     * @return the sum of the weights
     */
    static double weigh(float[] logits, float largest, float[] weights) {
        for (int token = 0; token < logits.length; token++) {
            weights[token] = FastExp.exp(logits[token] - largest);
        }
        return sum(weights, weights.length);
    }

    /** The sum of the first values. Four sums at once: each addition would otherwise wait for the one before. */
    static double sum(float[] values, int count) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = 0;
        for (; i + 3 < count; i += 4) {
            a += values[i];
            b += values[i + 1];
            c += values[i + 2];
            d += values[i + 3];
        }
        for (; i < count; i++) {
            a += values[i];
        }
        return a + b + (c + d);
    }
}
