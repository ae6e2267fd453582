package dev.rwkv4j.sidebyside;

import dev.rwkv4j.llamacpp.LlamaCpp;
import dev.rwkv4j.llamacpp.LlamaCppModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;

/** llama.cpp itself, called as this library calls its own C code. */
final class LlamaCppPeer implements Peer {
    private static final long SEED = 1;

    private final LlamaCppModel model;
    private final int[] prompt;

    LlamaCppPeer(Path libraries, Path file, int threads, int promptTokens) throws IOException {
        model = LlamaCpp.load(libraries).open(file, threads);
        prompt = new Random(SEED).ints(promptTokens, 0, model.vocabularySize()).toArray();
    }

    @Override
    public void readPrompt() {
        model.reset();
        model.feed(prompt);
    }

    @Override
    public int promptTokens() {
        return prompt.length;
    }

    @Override
    public void decode(int tokens) {
        for (int i = 0; i < tokens; i++) {
            model.feed(prompt[i % prompt.length]);
        }
    }
}
