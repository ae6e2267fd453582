package dev.rwkv4j;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * Choosing one token of 65,536, the vocabulary of World models. The logits are normally distributed, times 4: the likeliest
 * hundred tokens have most of the probability, as in a text.
 */
public class SamplingBenchmark extends AverageTime {
    private static final int VOCABULARY = 65_536;
    private static final double SPREAD = 4;

    /** What is asked for. */
    public enum Way {
        GREEDY(Sampling.greedy()), DEFAULTS(Sampling.defaults()), ALL_TOKENS(
                Sampling.defaults().withTopP(1).withTopK(0).withMinP(0)), TOP_P(
                        Sampling.defaults().withTopP(0.5)), TOP_K(
                                Sampling.defaults().withTopP(1).withTopK(40)), PENALTIES(
                                        Sampling.defaults().withPresencePenalty(0.4).withFrequencyPenalty(0.4));

        private final Sampling sampling;

        Way(Sampling sampling) {
            this.sampling = sampling.withSeed(1);
        }
    }

    @Param
    public Way way;

    private MemorySegment logits;
    private Sampler sampler;

    @Setup
    public void prepare() {
        Random random = new Random(1);
        logits = Arena.ofAuto().allocate(JAVA_FLOAT, VOCABULARY);
        for (int i = 0; i < VOCABULARY; i++) {
            logits.setAtIndex(JAVA_FLOAT, i, (float) (random.nextGaussian() * SPREAD));
        }
        sampler = new Sampler(way.sampling);
    }

    @Benchmark
    public int sample() {
        return sampler.sample(logits);
    }
}
