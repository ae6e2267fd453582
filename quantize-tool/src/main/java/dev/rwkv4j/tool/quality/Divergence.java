package dev.rwkv4j.tool.quality;

import dev.rwkv4j.LogSoftmax;

/** How far the predictions of one model are from those of another, over the tokens of a text. */
public final class Divergence {
    private final Perplexity basePerplexity = new Perplexity();
    private final Perplexity perplexity = new Perplexity();
    private final Mean mean = new Mean();
    private final Quantiles quantiles = new Quantiles();
    private final Mean agreement = new Mean();
    private final Mean lossDifference = new Mean();

    /** Of nothing yet. */
    public Divergence() {
    }

    /**
     * Adds what both models expected at one place of the text.
     *
     * @param base the model that is taken for the truth
     * @param other the model that is judged
     * @param token what came
     * @param tokenBytes length of what that stands for
     */
    public void add(LogSoftmax base, LogSoftmax other, int token, int tokenBytes) {
        double expected = base.logProbability(token);
        double found = other.logProbability(token);
        basePerplexity.add(expected, tokenBytes);
        perplexity.add(found, tokenBytes);
        lossDifference.add(expected - found);
        double divergence = base.divergence(other);
        mean.add(divergence);
        quantiles.add(divergence);
        agreement.add(base.likeliest() == other.likeliest() ? 1 : 0);
    }

    /** {@return the perplexity of the model that is taken for the truth} */
    public Perplexity basePerplexity() {
        return basePerplexity;
    }

    /** {@return the perplexity of the model that is judged} */
    public Perplexity perplexity() {
        return perplexity;
    }

    /** {@return by what the perplexity of the base is to be multiplied to get that of the other model} */
    public double ratio() {
        return Math.exp(lossDifference.value());
    }

    /** {@return the standard error of the ratio; small where both models err on the same tokens} */
    public double ratioError() {
        return ratio() * lossDifference.error();
    }

    /** {@return mean of the Kullback-Leibler divergence of the other model from the base, in nats for each token} */
    public Mean mean() {
        return mean;
    }

    /** {@return quantiles of the same} */
    public Quantiles quantiles() {
        return quantiles;
    }

    /** {@return the share of tokens for which both models take the same one for the likeliest} */
    public double agreement() {
        return agreement.value();
    }
}
