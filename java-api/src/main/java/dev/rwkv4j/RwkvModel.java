package dev.rwkv4j;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tokenizer.Tokenizers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner.Cleanable;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A model: weights that are mapped from a GGUF file, threads that compute with them, and the tokenizer of the file.
 *
 * <p>All threads may share it. Texts are fed to a {@link RwkvSession}, of which a model may have any number; they share
 * the model's threads, so evaluations of different sessions take turns, in the order in which they were asked for. To
 * evaluate several at once, which is faster, see {@link #feed}.
 *
 * <p>To be closed when it isn't needed any longer; sessions and states are closed with it. Methods of a closed model
 * throw {@link IllegalStateException}.
 */
public final class RwkvModel implements AutoCloseable {
    private final NativeModel engine;
    private final ModelInfo info;
    private final Optional<Tokenizer> tokenizer;
    private final Cleanable cleanable;

    private RwkvModel(NativeModel engine, ModelInfo info, Optional<Tokenizer> tokenizer) {
        this.engine = engine;
        this.info = info;
        this.tokenizer = tokenizer;
        this.cleanable = NativeModel.CLEANER.register(this, engine::close);
    }

    /**
     * Loads a model with default options.
     *
     * @param gguf the model file
     * @return the model, to be closed by the caller
     * @throws GgufFormatException if the file is no GGUF file, is damaged, or is not of an RWKV model that can be run
     * @throws IOException if it cannot be read
     * @throws OutOfMemoryError if the operating system gives too little memory or too few threads
     */
    public static RwkvModel load(Path gguf) throws IOException {
        return load(gguf, ModelOptions.defaults());
    }

    /**
     * Loads a model. The file is mapped, not read, and must not be changed until the model is closed.
     *
     * @param gguf the model file
     * @param options how to load it
     * @return the model, to be closed by the caller
     * @throws GgufFormatException if the file is no GGUF file, is damaged, or is not of an RWKV model that can be run
     * @throws IOException if it or the vocabulary of the options cannot be read, or they don't fit together
     * @throws IllegalArgumentException if the options ask for more than the native library can do
     * @throws OutOfMemoryError if the operating system gives too little memory or too few threads
     */
    public static RwkvModel load(Path gguf, ModelOptions options) throws IOException {
        Objects.requireNonNull(options, "options");
        GgufFile file = GgufFile.open(gguf);
        try {
            ModelLoader.Loaded loaded = new ModelLoader(file).load(options);
            NativeModel engine = new NativeModel(file, loaded.model(), loaded.context());
            try {
                Optional<Tokenizer> tokenizer = tokenizer(file.metadata(), options, loaded.info().vocabularySize());
                return new RwkvModel(engine, loaded.info(), tokenizer);
            } catch (Throwable e) {
                engine.close();
                throw e;
            }
        } catch (Throwable e) {
            file.close();
            throw e;
        }
    }

    /** The tokenizer of a model file, or that of the options. */
    private static Optional<Tokenizer> tokenizer(GgufMetadata metadata, ModelOptions options, int vocabularySize)
            throws IOException {
        if (options.vocabulary().isEmpty()) {
            return Tokenizer.of(metadata, vocabularySize);
        }
        Path file = options.vocabulary().get();
        try {
            return Optional.of(Tokenizers.read(file).withSize(vocabularySize));
        } catch (IllegalArgumentException e) {
            throw new IOException(file + ": the vocabulary does not fit the model: " + e.getMessage(), e);
        }
    }

    /**
     * What the model is, and what memory it takes at present.
     *
     * @return sizes and names
     * @throws IllegalStateException if the model is closed
     */
    public ModelInfo info() {
        try {
            return info.with(engine.scratchBytes(), fingerprint());
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /**
     * The tokenizer for this model: that of the file, or that of the {@link ModelOptions#vocabulary()}. It stays usable
     * when the model is closed.
     *
     * @return the tokenizer; empty if the file has none and no vocabulary was given
     */
    public Optional<Tokenizer> tokenizer() {
        return tokenizer;
    }

    /**
     * Makes a session that begins with an empty text.
     *
     * @return the session, to be closed by the caller
     * @throws IllegalStateException if the model is closed
     * @throws OutOfMemoryError if there is no memory for it
     */
    public RwkvSession newSession() {
        return new RwkvSession(this);
    }

    /**
     * Makes the state of an empty text.
     *
     * @return the state, to be closed by the caller
     * @throws IllegalStateException if the model is closed
     * @throws OutOfMemoryError if there is no memory for it
     */
    public RwkvState newState() {
        return new RwkvState(this);
    }

    /**
     * From now on, lets all evaluations add up the squares of the inputs of a matrix. This is what importance matrices are
     * made of.
     *
     * @param matrix its name in the file, for example {@code blk.0.time_mix_key.weight}; each matrix at most once
     * @return the sums, zero at first: a float for each column of the matrix. To be read or changed only while nothing is
     *     being evaluated; gone when the model is closed. They do not depend on the number of threads
     * @throws IllegalArgumentException if the model has no such matrix, or it is observed already
     * @throws IllegalStateException if the model is closed
     * @throws OutOfMemoryError if there is no memory for the sums
     */
    public MemorySegment observe(String matrix) {
        try {
            return engine.observe(matrix);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /**
     * Feeds several sessions of this model at once. The weights are then read once for all of them, so this is faster than
     * feeding one after the other; the results are the same up to rounding. Each session has its
     * {@linkplain RwkvSession#logits() logits} afterwards.
     *
     * <p>{@link RwkvSession#cancel Cancelling} any of the sessions, or interrupting the thread, stops all.
     *
     * @param inputs sessions and the tokens that each shall get, which may be of different number; a session with no
     *     tokens is left as it is
     * @throws IllegalArgumentException if a session occurs twice or belongs to another model, or a token is not in the
     *     vocabulary; then nothing has been fed
     * @throws IllegalStateException if the model or a session is closed, or in use by another thread
     * @throws java.util.concurrent.CancellationException if it was cancelled; each session then is in the state after the
     *     number of tokens that its {@link RwkvSession#position} says
     */
    public void feed(List<SessionInput> inputs) {
        try {
            SessionBatch.feed(this, List.copyOf(inputs));
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /**
     * Stops what is being evaluated, waits until it has stopped, and frees the model, its sessions and its states. The
     * threads whose evaluation was stopped get an {@link IllegalStateException}. Closing twice is fine.
     */
    @Override
    public void close() {
        cleanable.clean();
    }

    @Override
    public String toString() {
        return "RwkvModel[" + info.name() + "]";
    }

    NativeModel engine() {
        return engine;
    }

    /** The info without what changes or is made later: see {@link #fingerprint}. */
    ModelInfo fixedInfo() {
        return info;
    }

    /** {@link ModelInfo#fingerprint}. */
    String fingerprint() {
        return engine.fingerprint(info.architecture());
    }
}
