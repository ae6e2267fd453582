package dev.rwkv4j.tool.quality;

import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.tokenizer.ByteTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PredictionsTest {
    @Test
    void everyTokenButTheFirstIsPredicted() throws IOException {
        assertThat(steps("abcdefgh", Predictions.UNLIMITED, 3)).containsExactly("*abc>bcd", "def>efg", "g>h");
        assertThat(steps("abcd", Predictions.UNLIMITED, 3)).containsExactly("*abc>bcd");
        assertThat(steps("abcd", Predictions.UNLIMITED, 100)).containsExactly("*abc>bcd");
    }

    @Test
    void aLimitedContextCutsTheTextIntoParts() throws IOException {
        assertThat(steps("abcdefghij", 4, 100)).containsExactly("*abc>bcd", "*efg>fgh", "*i>j");
        assertThat(steps("abcdefghi", 4, 100)).containsExactly("*abc>bcd", "*efg>fgh");
        assertThat(steps("abcdefgh", 4, 2)).containsExactly("*ab>bc", "c>d", "*ef>fg", "g>h");
        assertThat(steps("abcdef", 2, 5)).containsExactly("*a>b", "*c>d", "*e>f");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a"})
    void nothingIsPredictedInNearlyNothing(String text) throws IOException {
        assertThat(steps(text, Predictions.UNLIMITED, 10)).isEmpty();
        assertThat(steps(text, 2, 10)).isEmpty();
    }

    private static List<String> steps(String text, int context, int most) throws IOException {
        TextTokens tokens = new TextTokens(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)),
                new ByteTokenizer());
        Predictions predictions = new Predictions(tokens, context, most);
        List<String> steps = new ArrayList<>();
        for (Optional<Predictions.Step> step = predictions.next(); step.isPresent(); step = predictions.next()) {
            steps.add((step.get().begins() ? "*" : "") + text(step.get().tokens()) + ">" + text(step.get().targets()));
        }
        assertThat(predictions.next()).isEmpty();
        return steps;
    }

    private static String text(int[] tokens) {
        return new String(tokens, 0, tokens.length);
    }
}
