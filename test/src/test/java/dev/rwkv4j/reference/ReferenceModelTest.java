package dev.rwkv4j.reference;

import static dev.rwkv4j.testdata.Difference.relative;
import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.testdata.LlamaCppFile;
import java.io.IOException;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The oracle itself, against the official implementation and against another one in double precision. */
class ReferenceModelTest {
    /** Between two implementations in double precision; epsilons are stored in single precision. */
    private static final double EXACT = 1e-7;

    static Stream<LlamaCppFile> llamaCppFiles() throws IOException {
        return LlamaCppFile.all();
    }

    @ParameterizedTest
    @MethodSource("llamaCppFiles")
    void agreesWithExactLogitsOfLlamaCppFiles(LlamaCppFile known) throws IOException {
        try (GgufFile file = GgufFile.open(known.path())) {
            ReferenceModel model = ReferenceModel.load(file, Activations.EXACT);
            ReferenceState state = model.newState();
            int position = 0;
            for (int cut = 0; cut < LlamaCppFile.CUTS.length; cut++) {
                double[] logits = model.evaluate(state,
                        Arrays.copyOfRange(known.tokens(), position, LlamaCppFile.CUTS[cut]));
                position = LlamaCppFile.CUTS[cut];
                assertThat(relative(logits, known.exactLogits().get(cut))).isLessThan(EXACT);
            }
        }
    }
}
