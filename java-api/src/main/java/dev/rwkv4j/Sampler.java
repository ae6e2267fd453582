package dev.rwkv4j;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.rwkv4j.tokenizer.Tokenizer;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Chooses tokens, as the official RWKV package does:
 *
 * <ol>
 * <li>Penalties: from the logit of each token that was chosen before, {@code presence + frequency · count} is subtracted.
 * With every choice all counts decay, then the count of the chosen token grows by 1, unless the token is made of spaces, tabs
 * and digits such as {@code 123}: numbers may repeat. Banned tokens get no probability.
 * <li>Softmax.
 * <li>Cuts. Top-p: sorted by probability, the first tokens that together reach it remain, and all that are as likely as the
 * last of them. Top-k: of these, the k likeliest; among equals those with the smaller ids. Min-p: of these, the ones at least
 * so likely in proportion to the likeliest.
 * <li>Temperature: each probability to the power of 1 / temperature. Temperature 0 is greedy: only the tokens that share the
 * largest logit remain, and one of them is drawn.
 * <li>One token is drawn. The random numbers are SplitMix64's, and all arithmetic is the same everywhere, so the same seed
 * gives the same tokens for the same logits on every machine.
 * </ol>
 *
 * <p>Choosing from 65,536 logits takes a fraction of a millisecond; the about 1.3 MB for it are taken at the first
 * choice. Not for use by several threads at once.
 */
public final class Sampler {
    /** Tokens whose text is within this do not add to their count. */
    private static final String UNCOUNTED = " \t0123456789";
    /** The count of a token that was not chosen. */
    private static final float ABSENT = -1;

    private final Sampling sampling;
    private final Tokenizer tokenizer;
    private final int[] banned;
    private final long seed;

    private long random;
    /** The logits after penalties and bans. */
    private float[] scores = new float[0];
    private Distribution distribution;
    private float[] counts = new float[0];
    /** The tokens that were chosen, each once. */
    private int[] chosen = new int[64];
    private int chosenCount;

    /**
     * Makes a sampler that knows no texts: the count of every chosen token grows.
     *
     * @param sampling how to choose
     */
    public Sampler(Sampling sampling) {
        this(sampling, null);
    }

    /**
     * Makes a sampler.
     *
     * @param sampling how to choose
     * @param tokenizer tells which tokens are numbers or spaces; null: count every token
     */
    public Sampler(Sampling sampling, Tokenizer tokenizer) {
        this.sampling = Objects.requireNonNull(sampling, "sampling");
        this.tokenizer = tokenizer;
        this.banned = sampling.bannedTokens().stream().mapToInt(Integer::intValue).toArray();
        this.seed = sampling.seed().orElseGet(() -> ThreadLocalRandom.current().nextLong());
        this.random = seed;
    }

    /**
     * Chooses a token, and counts it for the penalties.
     *
     * @param logits one for each token; not changed
     * @return the token
     * @throws IllegalArgumentException if a logit is NaN or positive infinity, if no token is left to choose, or if the
     *     number of logits differs from the last call's or has no place for a banned token
     */
    public int sample(float[] logits) {
        return sample(MemorySegment.ofArray(logits));
    }

    /**
     * Chooses a token, and counts it for the penalties.
     *
     * @param logits one float for each token; not changed
     * @return the token
     * @throws IllegalArgumentException if a logit is NaN or positive infinity, if no token is left to choose, or if the
     *     number of logits differs from the last call's or has no place for a banned token
     */
    public int sample(MemorySegment logits) {
        load(logits);
        distribution.compute(scores);
        int token = distribution.draw(nextUniform());
        accept(token);
        return token;
    }

    /**
     * Counts a token for the penalties as if it had been chosen.
     *
     * @param token a token
     * @throws IllegalArgumentException if it is negative, or beyond the logits seen so far
     */
    public void accept(int token) {
        if (token < 0 || scores.length > 0 && token >= scores.length) {
            throw new IllegalArgumentException("token " + token + " is not in 0 to " + (scores.length - 1));
        }
        growCounts(token + 1);
        float decay = (float) sampling.penaltyDecay();
        for (int i = 0; i < chosenCount; i++) {
            counts[chosen[i]] *= decay;
        }
        if (counts[token] == ABSENT) {
            if (chosenCount == chosen.length) {
                chosen = Arrays.copyOf(chosen, 2 * chosenCount);
            }
            chosen[chosenCount++] = token;
            counts[token] = 0;
        }
        counts[token] += isUncounted(token) ? 0 : 1;
    }

    /**
     * The logits after penalties and bans, from which the next token would be chosen. Changes nothing.
     *
     * @param logits one for each token; not changed
     * @return the logits, the caller's
     * @throws IllegalArgumentException as {@link #sample(float[])} does
     */
    public float[] penalized(float[] logits) {
        load(MemorySegment.ofArray(logits));
        return scores.clone();
    }

    /**
     * The distribution from which the next token would be drawn: after penalties, cuts and temperature. Changes nothing.
     *
     * @param logits one for each token; not changed
     * @return the probability of each token, the caller's; 0 for those that were cut
     * @throws IllegalArgumentException as {@link #sample(float[])} does
     */
    public float[] probabilities(float[] logits) {
        load(MemorySegment.ofArray(logits));
        distribution.compute(scores);
        return distribution.toArray();
    }

    /** Forgets all choices and begins the random numbers anew, as after construction. */
    public void reset() {
        for (int i = 0; i < chosenCount; i++) {
            counts[chosen[i]] = ABSENT;
        }
        chosenCount = 0;
        random = seed;
    }

    /** Fills the scores. */
    private void load(MemorySegment logits) {
        int count = Math.toIntExact(logits.byteSize() / Float.BYTES);
        if (distribution == null) {
            start(count);
        } else if (count != scores.length) {
            throw new IllegalArgumentException(count + " logits were given, last time it was " + scores.length);
        }
        MemorySegment.copy(logits, JAVA_FLOAT_UNALIGNED, 0, MemorySegment.ofArray(scores), JAVA_FLOAT, 0, count);
        for (int i = 0; i < chosenCount; i++) {
            int token = chosen[i];
            scores[token] -= (float) (sampling.presencePenalty() + sampling.frequencyPenalty() * counts[token]);
        }
        for (int token : banned) {
            scores[token] = Float.NEGATIVE_INFINITY;
        }
    }

    private void start(int count) {
        for (int token : banned) {
            if (token >= count) {
                throw new IllegalArgumentException(
                        "the banned token " + token + " is not among the " + count + " tokens");
            }
        }
        if (counts.length > count) {
            throw new IllegalArgumentException(
                    "token " + (counts.length - 1) + " was accepted but there are " + count + " tokens");
        }
        growCounts(count);
        scores = new float[count];
        distribution = new Distribution(sampling, count);
    }

    private void growCounts(int size) {
        int old = counts.length;
        if (size > old) {
            counts = Arrays.copyOf(counts, size);
            Arrays.fill(counts, old, size, ABSENT);
        }
    }

    private boolean isUncounted(int token) {
        return tokenizer != null
                && UNCOUNTED.contains(new String(tokenizer.bytes(token), StandardCharsets.ISO_8859_1));
    }

    /** The next number of SplitMix64, in [0, 1). */
    private double nextUniform() {
        random += 0x9E3779B97F4A7C15L;
        long z = (random ^ random >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return ((z ^ z >>> 31) >>> 11) * 0x1p-53;
    }
}
