package dev.rwkv4j.endtoend;

import static dev.rwkv4j.testdata.Difference.relative;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufFormatException;
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
     * What rounding activations to int8 may cost on these noisy random models: llama.cpp's own difference to the same
     * exact logits is 0.8 to 1.5 of this.
     */
    private static final double BLOCK_TOLERANCE = 1e-2;

    /**
     * Between two that both round activations to int8. The few values that lie between two integers are rounded to
     * different ones.
     */
    private static final double SAME_ROUNDING_TOLERANCE = 3e-3;

    static Stream<LlamaCppFile> supported() throws IOException {
        return LlamaCppFile.all().filter(file -> !file.unsupported());
    }

    static Stream<LlamaCppFile> unsupported() throws IOException {
        return LlamaCppFile.all().filter(LlamaCppFile::unsupported);
    }

    @ParameterizedTest
    @MethodSource("supported")
    void logitsTokenByTokenAndAtOnce(LlamaCppFile known) throws IOException {
        double tolerance = known.hasBlocks() ? BLOCK_TOLERANCE : FLOAT_TOLERANCE;
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
    @MethodSource("supported")
    void logitsOfTheReferenceWithTheSameRounding(LlamaCppFile known) throws IOException {
        int[] tokens = Arrays.copyOf(known.tokens(), LlamaCppFile.CUTS[1]);
        double[] expected;
        try (GgufFile file = GgufFile.open(known.path())) {
            ReferenceModel reference = ReferenceModel.load(file, Activations.INT8);
            expected = reference.evaluate(reference.newState(), tokens);
        }
        try (RwkvModel model = RwkvModel.load(known.path());
                RwkvSession session = model.newSession()) {
            session.feed(tokens);
            assertThat(relative(session.logits(), expected)).isLessThan(SAME_ROUNDING_TOLERANCE);
        }
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void typesThatCannotBeComputedWithAreNamed(LlamaCppFile known) {
        assertThatThrownBy(() -> RwkvModel.load(known.path()))
                .isInstanceOf(GgufFormatException.class)
                .hasMessageContaining(known.path().toString())
                .hasMessageMatching("(?s).*(Q2_K|Q3_K|IQ4_NL).*");
    }
}
