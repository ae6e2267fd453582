package dev.rwkv4j.tool.quality;

/**
 * How well a model predicts a text: e to the power of the mean of {@code −log(probability)} of its tokens. A model that has
 * to guess among k equally likely tokens each time has perplexity k.
 */
public final class Perplexity {
    private static final double LOG_2 = Math.log(2);

    private final Mean loss = new Mean();
    private long bytes;

    /** Of nothing yet. */
    public Perplexity() {
    }

    /**
     * Adds a token of the text.
     *
     * @param logProbability that the model gave it, natural logarithm
     * @param tokenBytes length of what the token stands for
     */
    public void add(double logProbability, int tokenBytes) {
        loss.add(-logProbability);
        bytes += tokenBytes;
    }

    /** {@return how many tokens were predicted} */
    public long tokens() {
        return loss.count();
    }

    /** {@return how many bytes these tokens stand for} */
    public long bytes() {
        return bytes;
    }

    /** {@return the perplexity} */
    public double value() {
        return Math.exp(loss.value());
    }

    /** {@return its standard error, to first order} */
    public double error() {
        return value() * loss.error();
    }

    /** {@return how many bits an ideal compressor that knows the model would need for a byte of the text} */
    public double bitsPerByte() {
        return loss.value() * loss.count() / LOG_2 / bytes;
    }
}
