package dev.rwkv4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.OptionalLong;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class SamplingTest {
    private final Sampling defaults = Sampling.defaults();

    @Test
    void copiesDifferInWhatWasAskedFor() {
        assertThat(defaults.withTemperature(2).withTopP(0.3).withTopK(40).withMinP(0.1).withPresencePenalty(0.5)
                .withFrequencyPenalty(0.4).withPenaltyDecay(0.9).withSeed(7).withMaxTokens(3).withStop("a", "b")
                .withBannedTokens(0, 5).toString())
                .isEqualTo("Sampling[temperature=2.0, topP=0.3, topK=40, minP=0.1, presencePenalty=0.5, "
                        + "frequencyPenalty=0.4, penaltyDecay=0.9, seed=OptionalLong[7], maxTokens=3, stop=[a, b], "
                        + "bannedTokens=[0, 5]]");
        assertThat(defaults.topP()).isEqualTo(0.85);
        assertThat(defaults.seed()).isEqualTo(OptionalLong.empty());
        assertThat(Sampling.greedy().temperature()).isZero();
    }

    @Test
    void valuesOutOfRangeAreRefused() {
        refuse("the temperature is -0.1, expected 0 or more", () -> defaults.withTemperature(-0.1));
        refuse("the temperature is NaN", () -> defaults.withTemperature(Double.NaN));
        refuse("the temperature is Infinity", () -> defaults.withTemperature(Double.POSITIVE_INFINITY));
        refuse("the top-p is -1.0", () -> defaults.withTopP(-1));
        refuse("the top-p is NaN", () -> defaults.withTopP(Double.NaN));
        refuse("the top-k is -1", () -> defaults.withTopK(-1));
        refuse("the min-p is 1.5, expected 0 to 1", () -> defaults.withMinP(1.5));
        refuse("the presence penalty is NaN", () -> defaults.withPresencePenalty(Double.NaN));
        refuse("the frequency penalty is Infinity", () -> defaults.withFrequencyPenalty(1 / 0.0));
        refuse("the penalty decay is 1.1, expected 0 to 1", () -> defaults.withPenaltyDecay(1.1));
        refuse("the maximum of tokens is -1", () -> defaults.withMaxTokens(-1));
        refuse("the stop string is empty", () -> defaults.withStop("a", ""));
        refuse("the banned token is -1", () -> defaults.withBannedTokens(-1));
    }

    private static void refuse(String message, ThrowingCallable call) {
        assertThatIllegalArgumentException().isThrownBy(call).withMessageContaining(message);
    }
}
