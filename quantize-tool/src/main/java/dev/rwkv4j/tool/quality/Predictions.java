package dev.rwkv4j.tool.quality;

import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;

/**
 * A text as what is fed to a model and what it should predict: each token has to be predicted from those before it.
 *
 * <p>The first token has none before it and is not predicted. With a limited context the text is cut into parts of so many
 * tokens; each begins with an empty state, and its first token is not predicted either.
 */
public final class Predictions {
    /** Stands for a context without limit. */
    public static final int UNLIMITED = Integer.MAX_VALUE;

    private final TextTokens text;
    private final int context;
    private final int most;
    /** The token that is to be fed next, if a part has begun. */
    private int current = TextTokens.END;
    /** How many tokens of the part have been fed or are {@link #current}. */
    private int position;

    /**
     * Some tokens to feed at once.
     *
     * @param begins whether a part of the text begins, so that the state has to be empty
     * @param tokens what to feed, at least one
     * @param targets for each of them the token that follows it
     */
    public record Step(boolean begins, int[] tokens, int[] targets) {
    }

    /**
     * Begins.
     *
     * @param text read to its end, not closed
     * @param context tokens of a part, at least 2, or {@link #UNLIMITED}
     * @param most tokens of a step
     */
    public Predictions(TextTokens text, int context, int most) {
        this.text = text;
        this.context = context;
        this.most = most;
        this.position = context; // as if a part had ended
    }

    /**
     * The next step.
     *
     * @return the step; empty if the text has come to its end
     * @throws IOException if the text cannot be read
     */
    public Optional<Step> next() throws IOException {
        boolean begins = position == context;
        if (begins) {
            current = text.next();
            position = 1;
        }
        int[] tokens = new int[Math.min(most, context - position)];
        int[] targets = new int[tokens.length];
        int count = 0;
        while (count < tokens.length && current != TextTokens.END) {
            int target = text.next();
            if (target != TextTokens.END) {
                tokens[count] = current;
                targets[count++] = target;
            }
            current = target;
        }
        position += count;
        return count == 0
                ? Optional.empty()
                : Optional.of(new Step(begins, Arrays.copyOf(tokens, count), Arrays.copyOf(targets, count)));
    }
}
