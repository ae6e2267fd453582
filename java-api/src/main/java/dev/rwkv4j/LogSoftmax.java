package dev.rwkv4j;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;

/**
 * How likely a model took each token to come next, computed from its logits: for the perplexity of texts, for choosing
 * among given answers, and for comparing models.
 *
 * <p>{@snippet :
 * LogSoftmax next = new LogSoftmax(model.info().vocabularySize());
 * double[] sum = {0};
 * session.feed(tokens, (i, logits) -> {
 *     if (i + 1 < tokens.length) {
 *         next.compute(logits);
 *         sum[0] += next.logProbability(tokens[i + 1]);
 *     }
 * });
 * }
 *
 * <p>Made once and used for the logits after one token after the other: it keeps two arrays as large as the vocabulary and
 * takes no memory later. Not for use by several threads at once.
 */
public final class LogSoftmax {
    private final float[] logits;
    /** Probabilities, up to their sum. */
    private final float[] weights;
    private float largest;
    private double sum;
    private double logOfSum;

    /**
     * Makes one that has computed nothing yet.
     *
     * @param size the number of logits, {@link ModelInfo#vocabularySize}
     */
    public LogSoftmax(int size) {
        logits = new float[size];
        weights = new float[size];
    }

    /**
     * Computes the probabilities; those of before are forgotten.
     *
     * @param source a float for each token, as a {@link LogitsConsumer} or {@link RwkvSession#logitsSegment} gives them;
     *     copied
     * @throws IllegalArgumentException if there are more or fewer than the size, or one is NaN or infinite
     */
    public void compute(MemorySegment source) {
        if (source.byteSize() != (long) logits.length * Float.BYTES) {
            throw new IllegalArgumentException(
                    source.byteSize() + " bytes of logits, expected " + logits.length + " floats");
        }
        MemorySegment.copy(source, JAVA_FLOAT, 0, logits, 0, logits.length);
        largest = Softmax.largest(logits);
        sum = Softmax.weigh(logits, largest, weights);
        logOfSum = Math.log(sum);
    }

    /**
     * The natural logarithm of a token's probability.
     *
     * @param token its id
     * @return the logarithm, at most 0 up to rounding
     * @throws IndexOutOfBoundsException if the vocabulary has no such token
     */
    public double logProbability(int token) {
        return (double) logits[token] - largest - logOfSum;
    }

    /**
     * The token with the largest probability.
     *
     * @return its id; the smallest if several share it
     */
    public int likeliest() {
        int token = 0;
        while (logits[token] < largest) {
            token++;
        }
        return token;
    }

    /**
     * The Kullback-Leibler divergence: how much is lost, on average, by whoever expects what {@code other} says where this
     * is the truth. 0 if both say the same, else more.
     *
     * @param other the probabilities of another model for the same tokens
     * @return the divergence in nats (one nat is 1.44 bits)
     * @throws IllegalArgumentException if the sizes differ
     */
    public double divergence(LogSoftmax other) {
        if (other.logits.length != logits.length) {
            throw new IllegalArgumentException(
                    "a vocabulary of " + logits.length + " tokens cannot be compared with one of "
                            + other.logits.length);
        }
        double difference = weightedDifference(other.logits) / sum;
        double normalisers = largest + logOfSum - (other.largest + other.logOfSum);
        return Math.max(0, difference - normalisers); // rounding may lead below 0
    }

    /** Four sums at once: each addition would otherwise wait for the one before. */
    private double weightedDifference(float[] others) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = 0;
        for (; i + 3 < logits.length; i += 4) {
            a += weights[i] * ((double) logits[i] - others[i]);
            b += weights[i + 1] * ((double) logits[i + 1] - others[i + 1]);
            c += weights[i + 2] * ((double) logits[i + 2] - others[i + 2]);
            d += weights[i + 3] * ((double) logits[i + 3] - others[i + 3]);
        }
        for (; i < logits.length; i++) {
            a += weights[i] * ((double) logits[i] - others[i]);
        }
        return a + b + (c + d);
    }
}
