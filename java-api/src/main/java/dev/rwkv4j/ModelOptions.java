package dev.rwkv4j;

import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/**
 * How a model is loaded.
 *
 * <p>{@snippet :
 * ModelOptions.defaults().withThreads(4).withVocabulary(Path.of("rwkv_vocab_v20230424.txt"))
 * }
 *
 * @param threads how many threads compute, the calling one included; 0: one for each processor that the process may use.
 *     While others want the processors too, so that threads would mostly wait for each other, fewer take part (not on
 *     Windows)
 * @param chunkTokens how many tokens of a text are computed together at most; more need more memory; 0: as the library
 *     chooses, 128
 * @param vocabulary a vocabulary file to use instead of the model file's own: RWKV World's list or a
 *     {@code tokenizer.json}
 * @param dense whether all weights are read for every token. Otherwise those that a channel mix would multiply by zero are
 *     not, which gives the same logits to rounding, sooner; the matrices concerned are copied when the model is loaded
 */
public record ModelOptions(int threads, int chunkTokens, Optional<Path> vocabulary, boolean dense) {
    private static final ModelOptions DEFAULTS = new ModelOptions(0, 0, Optional.empty(), false);

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if a number is negative
     */
    public ModelOptions {
        if (threads < 0) {
            throw new IllegalArgumentException("the number of threads is " + threads + ", expected 0 or more");
        }
        if (chunkTokens < 0) {
            throw new IllegalArgumentException("the tokens in a chunk are " + chunkTokens + ", expected 0 or more");
        }
        Objects.requireNonNull(vocabulary, "vocabulary");
    }

    /**
     * What is used where nothing is said.
     *
     * @return the defaults for this machine and the model's own vocabulary
     */
    public static ModelOptions defaults() {
        return DEFAULTS;
    }

    /**
     * The same with another number of threads.
     *
     * @param newThreads how many threads compute; 0 for the default
     * @return the changed options
     * @throws IllegalArgumentException if it is negative
     */
    public ModelOptions withThreads(int newThreads) {
        return new ModelOptions(newThreads, chunkTokens, vocabulary, dense);
    }

    /**
     * The same with another size of chunks.
     *
     * @param newChunkTokens how many tokens are computed together; 0 for the default
     * @return the changed options
     * @throws IllegalArgumentException if it is negative
     */
    public ModelOptions withChunkTokens(int newChunkTokens) {
        return new ModelOptions(threads, newChunkTokens, vocabulary, dense);
    }

    /**
     * The same with a vocabulary from a file.
     *
     * @param file the vocabulary
     * @return the changed options
     */
    public ModelOptions withVocabulary(Path file) {
        return new ModelOptions(threads, chunkTokens, Optional.of(file), dense);
    }

    /**
     * The same with all weights read for every token, or not.
     *
     * @param newDense whether they are
     * @return the changed options
     */
    public ModelOptions withDense(boolean newDense) {
        return new ModelOptions(threads, chunkTokens, vocabulary, newDense);
    }
}
