package dev.rwkv4j.sidebyside;

import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.ModelParameters;
import de.kherud.llama.args.LogFormat;
import java.nio.file.Path;

/** java-llama.cpp. It takes text only, and gives text. */
final class JavaLlamaCppPeer implements Peer {
    private static final String WORD = " a";

    /** Room in the context for what it may add to a prompt. */
    private static final int MARGIN = 64;

    private final LlamaModel model;
    private final String prompt;
    private final int promptTokens;

    JavaLlamaCppPeer(Path file, int threads, int promptTokens, int decodeTokens) {
        LlamaModel.setLogger(LogFormat.TEXT, (_, _) -> {
        });
        model = new LlamaModel(new ModelParameters()
                .setModel(file.toString())
                .setThreads(threads)
                .setThreadsBatch(threads)
                .setCtxSize(promptTokens + decodeTokens + MARGIN));
        prompt = WORD.repeat(promptTokens);
        this.promptTokens = model.encode(prompt).length;
    }

    @Override
    public void readPrompt() {
        generate(prompt, 1);
    }

    @Override
    public int promptTokens() {
        return promptTokens;
    }

    /** The first token comes from evaluating the word. */
    @Override
    public void decode(int tokens) {
        generate(WORD, tokens);
    }

    private void generate(String text, int tokens) {
        model.complete(new InferenceParameters(text)
                .setNPredict(tokens)
                .setCachePrompt(false)
                .setIgnoreEos(true)
                .setTopK(1));
    }
}
