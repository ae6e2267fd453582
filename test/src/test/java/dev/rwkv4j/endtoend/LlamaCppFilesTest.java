package dev.rwkv4j.endtoend;

import static dev.rwkv4j.testdata.Difference.relative;
import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.reference.Activations;
import dev.rwkv4j.reference.ReferenceModel;
import dev.rwkv4j.testdata.LlamaCppFile;
import java.io.IOException;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that llama.cpp wrote, of every type. */
class LlamaCppFilesTest {
    /** Relative to the largest logit. Float weights meet float activations: nothing is rounded but the arithmetic. */
    private static final double FLOAT_TOLERANCE = 1e-5;

    /**
     * What rounding activations to int8 may cost on these noisy random models, or what it costs llama.cpp if that is more:
     * its own difference to the same exact logits is 0.8 to 1.5 of this.
     */
    private static final double BLOCK_TOLERANCE = 1e-2;

    /**
     * Between two that both round activations to int8, after the best of some numbers of tokens. Now and then a value that
     * lies between two integers is rounded to different ones, which moves logits by up to 7e-3; but not after each token.
     */
    private static final double SAME_ROUNDING_TOLERANCE = 1e-5;

    private static final int[] SAME_ROUNDING_LENGTHS = {1, 4, 8, 16};

    static Stream<LlamaCppFile> files() throws IOException {
        return LlamaCppFile.all();
    }

    @ParameterizedTest
    @MethodSource("files")
    void logitsTokenByTokenAndAtOnce(LlamaCppFile known) throws IOException {
        double tolerance = known.hasBlocks() ? Math.max(BLOCK_TOLERANCE, known.llamaCppDifference()) : FLOAT_TOLERANCE;
        double[] exact = known.exactLogits().getLast();
        try (RwkvModel model = RwkvModel.load(known.path());
                RwkvSession recurrent = model.newSession();
                RwkvSession sequence = model.newSession()) {
            for (int token : known.tokens()) {
                recurrent.feed(token);
            }
            sequence.feed(known.tokens());
            assertThat(relative(recurrent.logits(), exact)).isLessThan(tolerance);
            assertThat(relative(sequence.logits(), exact)).isLessThan(tolerance);
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void logitsOfTheReferenceWithTheSameRounding(LlamaCppFile known) throws IOException {
        try (GgufFile file = GgufFile.open(known.path());
                RwkvModel model = RwkvModel.load(known.path())) {
            ReferenceModel reference = ReferenceModel.load(file, Activations.ofEngine(file));
            double difference = Double.MAX_VALUE;
            for (int length : SAME_ROUNDING_LENGTHS) {
                int[] tokens = Arrays.copyOf(known.tokens(), length);
                double[] expected = reference.evaluate(reference.newState(), tokens);
                try (RwkvSession session = model.newSession()) {
                    session.feed(tokens);
                    difference = Math.min(difference, relative(session.logits(), expected));
                }
            }
            assertThat(difference).isLessThan(SAME_ROUNDING_TOLERANCE);
        }
    }
}
