package dev.rwkv4j;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;

/**
 * How tokens are chosen while a model generates, and when it ends. Immutable; begin with {@link #defaults} or
 * {@link #greedy} and change what is to be different:
 *
 * {@snippet :
 * Sampling sampling = Sampling.defaults().withTopP(0.3).withSeed(42).withStop("\n\n", "User:");
 * }
 *
 * <p>Penalties come first, then the cuts (top-p, top-k, min-p), then the temperature: it does not change which tokens
 * survive the cuts. {@link Sampler} describes each step.
 *
 * @param temperature 1 leaves the probabilities as they are, less makes likely tokens likelier; 0 takes the likeliest token
 * @param topP the likeliest tokens that together have this probability remain; 1 or more: all, 0: the likeliest
 * @param topK so many of the likeliest tokens remain; 0: all
 * @param minP tokens remain whose probability is at least this part, 0 to 1, of the largest one; 0: all
 * @param presencePenalty is subtracted from the logit of each token that has been generated
 * @param frequencyPenalty is subtracted for each time that a token has been generated
 * @param penaltyDecay 0 to 1: how much the number of times that a token was generated counts one token later
 * @param seed makes a generation repeatable; empty: each is different
 * @param maxTokens after how many tokens the generation ends
 * @param stop texts before which the generation ends; not empty
 * @param bannedTokens tokens that are never chosen
 */
public record Sampling(double temperature, double topP, int topK, double minP, double presencePenalty,
        double frequencyPenalty, double penaltyDecay, OptionalLong seed, int maxTokens, List<String> stop,
        List<Integer> bannedTokens) {
    private static final Sampling DEFAULTS = new Sampling(1, 0.85, 0, 0, 0.2, 0.2, 0.996, OptionalLong.empty(), 1024,
            List.of(), List.of());

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one of them is out of its range or no number
     */
    public Sampling {
        require(temperature >= 0 && Double.isFinite(temperature), "temperature", temperature, "0 or more");
        require(topP >= 0, "top-p", topP, "0 or more");
        require(topK >= 0, "top-k", topK, "0 or more");
        require(minP >= 0 && minP <= 1, "min-p", minP, "0 to 1");
        require(Double.isFinite(presencePenalty), "presence penalty", presencePenalty, "a finite number");
        require(Double.isFinite(frequencyPenalty), "frequency penalty", frequencyPenalty, "a finite number");
        require(penaltyDecay >= 0 && penaltyDecay <= 1, "penalty decay", penaltyDecay, "0 to 1");
        require(maxTokens >= 0, "maximum of tokens", maxTokens, "0 or more");
        stop = List.copyOf(stop);
        require(stop.stream().noneMatch(String::isEmpty), "stop string", "empty", "a text");
        bannedTokens = List.copyOf(bannedTokens);
        bannedTokens.forEach(token -> require(token >= 0, "banned token", token, "0 or more"));
    }

    private static void require(boolean condition, String name, Object value, String expected) {
        if (!condition) {
            throw new IllegalArgumentException("the " + name + " is " + value + ", expected " + expected);
        }
    }

    /**
     * What the official package does: temperature 1, top-p 0.85, presence and frequency penalty 0.2, decay 0.996; ends after
     * 1024 tokens.
     *
     * @return the defaults
     */
    public static Sampling defaults() {
        return DEFAULTS;
    }

    /**
     * Always the likeliest token, without penalties; ends after 1024 tokens.
     *
     * @return greedy sampling
     */
    public static Sampling greedy() {
        return DEFAULTS.withTemperature(0).withPresencePenalty(0).withFrequencyPenalty(0);
    }

    /**
     * A copy with another temperature.
     *
     * @param value 0 or more; 0 takes the likeliest token
     * @return the copy
     * @throws IllegalArgumentException if it is out of its range
     */
    public Sampling withTemperature(double value) {
        return new Sampling(value, topP, topK, minP, presencePenalty, frequencyPenalty, penaltyDecay, seed, maxTokens,
                stop, bannedTokens);
    }

    /**
     * A copy with another top-p.
     *
     * @param value 0 or more; 1 or more: no cut
     * @return the copy
     * @throws IllegalArgumentException if it is out of its range
     */
    public Sampling withTopP(double value) {
        return new Sampling(temperature, value, topK, minP, presencePenalty, frequencyPenalty, penaltyDecay, seed,
                maxTokens, stop, bannedTokens);
    }

    /**
     * A copy with another top-k.
     *
     * @param value 0 or more; 0: no cut
     * @return the copy
     * @throws IllegalArgumentException if it is out of its range
     */
    public Sampling withTopK(int value) {
        return new Sampling(temperature, topP, value, minP, presencePenalty, frequencyPenalty, penaltyDecay, seed,
                maxTokens, stop, bannedTokens);
    }

    /**
     * A copy with another min-p.
     *
     * @param value 0 to 1; 0: no cut
     * @return the copy
     * @throws IllegalArgumentException if it is out of its range
     */
    public Sampling withMinP(double value) {
        return new Sampling(temperature, topP, topK, value, presencePenalty, frequencyPenalty, penaltyDecay, seed,
                maxTokens, stop, bannedTokens);
    }

    /**
     * A copy with another presence penalty.
     *
     * @param value in units of logits; 0: none
     * @return the copy
     * @throws IllegalArgumentException if it is not finite
     */
    public Sampling withPresencePenalty(double value) {
        return new Sampling(temperature, topP, topK, minP, value, frequencyPenalty, penaltyDecay, seed, maxTokens, stop,
                bannedTokens);
    }

    /**
     * A copy with another frequency penalty.
     *
     * @param value in units of logits; 0: none
     * @return the copy
     * @throws IllegalArgumentException if it is not finite
     */
    public Sampling withFrequencyPenalty(double value) {
        return new Sampling(temperature, topP, topK, minP, presencePenalty, value, penaltyDecay, seed, maxTokens, stop,
                bannedTokens);
    }

    /**
     * A copy with another decay of penalties.
     *
     * @param value 0 to 1; 1: none
     * @return the copy
     * @throws IllegalArgumentException if it is out of its range
     */
    public Sampling withPenaltyDecay(double value) {
        return new Sampling(temperature, topP, topK, minP, presencePenalty, frequencyPenalty, value, seed, maxTokens,
                stop, bannedTokens);
    }

    /**
     * A copy whose generations can be repeated.
     *
     * @param value any number; the same one gives the same tokens for the same logits
     * @return the copy
     */
    public Sampling withSeed(long value) {
        return new Sampling(temperature, topP, topK, minP, presencePenalty, frequencyPenalty, penaltyDecay,
                OptionalLong.of(value), maxTokens, stop, bannedTokens);
    }

    /**
     * A copy with another limit.
     *
     * @param value after how many tokens a generation ends, 0 or more
     * @return the copy
     * @throws IllegalArgumentException if it is out of its range
     */
    public Sampling withMaxTokens(int value) {
        return new Sampling(temperature, topP, topK, minP, presencePenalty, frequencyPenalty, penaltyDecay, seed, value,
                stop, bannedTokens);
    }

    /**
     * A copy with other stop strings.
     *
     * @param values texts before which a generation ends
     * @return the copy
     * @throws IllegalArgumentException if one is empty
     */
    public Sampling withStop(String... values) {
        return new Sampling(temperature, topP, topK, minP, presencePenalty, frequencyPenalty, penaltyDecay, seed,
                maxTokens, List.of(values), bannedTokens);
    }

    /**
     * A copy with other banned tokens.
     *
     * @param values tokens that are never chosen; 0 to ban the end of the text
     * @return the copy
     * @throws IllegalArgumentException if one is negative
     */
    public Sampling withBannedTokens(int... values) {
        return new Sampling(temperature, topP, topK, minP, presencePenalty, frequencyPenalty, penaltyDecay, seed,
                maxTokens, stop, Arrays.stream(values).boxed().toList());
    }
}
