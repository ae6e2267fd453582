package dev.rwkv4j.tool;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.cli.Progress;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.quality.Predictions;
import dev.rwkv4j.tool.quality.Predictions.Step;
import dev.rwkv4j.tool.quality.TextTokens;
import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;

/** What a model reads, while its matrices are observed. */
final class CalibrationText {
    /** Fed at once. */
    private static final int STEP_TOKENS = 256;

    private CalibrationText() {
    }

    /** Of a longer text the rest is not read: more gains little, and takes time and memory. */
    private static final int MOST_TOKENS = 1 << 15;

    /** The tokens of a text that models are to read as a whole. */
    static int[] tokens(Tokenizer tokenizer, ScoredText text, Terminal terminal) throws IOException {
        int[] tokens = new int[MOST_TOKENS];
        int count = 0;
        try (TextTokens source = text.open(tokenizer, terminal)) {
            while (count < MOST_TOKENS && (tokens[count] = source.next()) != TextTokens.END) {
                count++;
            }
        }
        if (count < 2) {
            throw text.tooShort();
        }
        return Arrays.copyOf(tokens, count);
    }

    /** How much it was: parts that began with an empty state, and tokens of all. */
    record Size(long parts, long tokens) {
    }

    static Size read(RwkvModel model, Tokenizer tokenizer, ScoredText text, Terminal terminal) throws IOException {
        long parts = 0;
        long tokens = 0;
        long bytes = 0;
        long all = text.bytes();
        try (RwkvSession session = model.newSession();
                TextTokens source = text.open(tokenizer, terminal);
                Progress progress = new Progress(terminal, "reading " + text.file())) {
            Predictions steps = text.predictions(source, STEP_TOKENS);
            for (Optional<Step> next = steps.next(); next.isPresent(); next = steps.next()) {
                Step step = next.get();
                if (step.begins()) {
                    session.reset();
                    parts++;
                }
                session.feed(step.tokens(), (_, _) -> {
                }); // all logits, so that the last layer computes all rows
                tokens += step.tokens().length;
                for (int token : step.tokens()) {
                    bytes += tokenizer.bytes(token).length;
                }
                progress.update(all == 0 ? Double.NaN : (double) bytes / all, tokens + " tokens");
            }
        }
        if (tokens == 0) {
            throw text.tooShort();
        }
        return new Size(parts, tokens);
    }
}
