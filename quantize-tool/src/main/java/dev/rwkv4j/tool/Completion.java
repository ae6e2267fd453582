package dev.rwkv4j.tool;

import dev.rwkv4j.Generation;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.Sampling;
import dev.rwkv4j.tool.cli.Figures;
import java.util.function.Consumer;

/**
 * A prompt that was read and gone on with, and how long that took.
 *
 * @param promptTokens tokens of the prompt
 * @param promptSeconds for reading them
 * @param generation how the generation went
 * @param generationSeconds for generating
 */
record Completion(int promptTokens, double promptSeconds, Generation generation, double generationSeconds) {
    private static final double NANOS = 1e9;

    /** Reads the prompt and generates; {@code text} receives the text as it comes. */
    static Completion run(RwkvSession session, int[] prompt, Sampling sampling, Consumer<String> text) {
        long begin = System.nanoTime();
        session.feed(prompt);
        long fed = System.nanoTime();
        Generation generation = session.generate(sampling, text);
        session.state().close(); // reads the last token, too, so that as many are read as are written
        long end = System.nanoTime();
        return new Completion(prompt.length, (fed - begin) / NANOS, generation, (end - fed) / NANOS);
    }

    double promptTokensPerSecond() {
        return promptTokens / promptSeconds;
    }

    double tokensPerSecond() {
        return generation.tokens() / generationSeconds;
    }

    /** For people. */
    String speed() {
        return "read " + Figures.of(promptTokens, "token") + " at " + Figures.significant(promptTokensPerSecond())
                + "/s, wrote "
                + Figures.of(generation.tokens(), "token") + " at " + Figures.significant(tokensPerSecond()) + "/s";
    }
}
