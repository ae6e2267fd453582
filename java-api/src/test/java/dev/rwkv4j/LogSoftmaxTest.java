package dev.rwkv4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.jupiter.api.Test;

class LogSoftmaxTest {
    private static final double TOLERANCE = 1e-6;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 256, 65536})
    void probabilitiesAndDivergenceAreThoseOfTheFormulas(int size) {
        float[] one = logits(size, 1);
        float[] other = logits(size, 2);
        double[] p = logProbabilities(one);
        double[] q = logProbabilities(other);
        LogSoftmax first = computed(one);
        LogSoftmax second = computed(other);
        assertThat(IntStream.range(0, size).mapToDouble(first::logProbability).toArray())
                .containsExactly(p, within(TOLERANCE));
        double divergence = IntStream.range(0, size).mapToDouble(i -> Math.exp(p[i]) * (p[i] - q[i])).sum();
        assertThat(first.divergence(second)).isCloseTo(divergence, within(TOLERANCE));
        assertThat(first.divergence(computed(one))).isZero();
        assertThat(one[first.likeliest()]).isEqualTo((float) max(one));
    }

    @Test
    void aShiftOfAllLogitsChangesNothing() {
        LogSoftmax plain = computed(0, 1, 2);
        LogSoftmax shifted = computed(1000, 1001, 1002);
        assertThat(shifted.logProbability(0)).isEqualTo(plain.logProbability(0));
        assertThat(plain.divergence(shifted)).isZero();
    }

    @Test
    void theUnlikelyHasAFiniteLogarithm() {
        LogSoftmax softmax = computed(0, -500);
        assertThat(softmax.logProbability(0)).isZero();
        assertThat(softmax.logProbability(1)).isEqualTo(-500);
        assertThat(computed(-500, 0).divergence(softmax)).isEqualTo(500);
    }

    @Test
    void theFirstOfEqualsIsTheLikeliest() {
        assertThat(computed(1, 3, 3, 2).likeliest()).isEqualTo(1);
    }

    @Test
    void whatIsNoDistributionIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> computed(1, Float.NaN))
                .withMessage("the logit of token 1 is NaN, expected a finite number");
        assertThatIllegalArgumentException().isThrownBy(() -> computed(Float.POSITIVE_INFINITY, 1))
                .withMessageContaining("token 0 is Infinity");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LogSoftmax(3).compute(MemorySegment.ofArray(new float[2])))
                .withMessageContaining("expected 3 floats");
        assertThatIllegalArgumentException().isThrownBy(() -> computed(1, 2).divergence(computed(1, 2, 3)))
                .withMessageContaining("2 tokens").withMessageContaining("3");
    }

    private static LogSoftmax computed(float... logits) {
        LogSoftmax softmax = new LogSoftmax(logits.length);
        softmax.compute(MemorySegment.ofArray(logits));
        return softmax;
    }

    private static float[] logits(int size, long seed) {
        Random random = new Random(seed);
        float[] logits = new float[size];
        for (int i = 0; i < size; i++) {
            logits[i] = (float) (4 * random.nextGaussian());
        }
        return logits;
    }

    private static double[] logProbabilities(float[] logits) {
        double max = max(logits);
        double sum = IntStream.range(0, logits.length).mapToDouble(i -> Math.exp(logits[i] - max)).sum();
        return IntStream.range(0, logits.length).mapToDouble(i -> logits[i] - max - Math.log(sum)).toArray();
    }

    private static double max(float[] logits) {
        return IntStream.range(0, logits.length).mapToDouble(i -> logits[i]).max().orElseThrow();
    }
}
