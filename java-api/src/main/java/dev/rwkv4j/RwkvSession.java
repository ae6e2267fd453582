package dev.rwkv4j;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.rwkv4j.bindings.rwkv_h;
import dev.rwkv4j.tokenizer.Tokenizer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner.Cleanable;
import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A text that a model has read, and may go on with. However long the text is, a session keeps a state of constant size
 * and the logits after the last token.
 *
 * <p>For one thread at a time: a second one that calls while a method runs gets an {@link IllegalStateException}, and so
 * does a {@link LogitsConsumer} or text consumer that calls back. Only {@link #cancel}, {@link #close}, {@link #position}
 * and {@link #model} may be called from any thread at any time. Interrupting the thread that is in {@code feed} or
 * {@code generate} does the same as {@link #cancel}; the thread stays interrupted.
 *
 * <p>To be closed when it isn't needed any longer; it is closed with its model. Methods of a closed session throw
 * {@link IllegalStateException}.
 */
public final class RwkvSession implements AutoCloseable {
    /** How much memory {@link #feed(int[], LogitsConsumer)} takes at most, unless one row alone is longer. */
    private static final long ALL_LOGITS_BYTES = 16 << 20;

    private static final int[] NONE = {};

    private final RwkvModel model;
    private final NativeState state;
    private final NativeBatch batch;
    private final MemorySegment tokens;
    private final MemorySegment logits;
    private final MemorySegment readOnlyLogits;
    private final Cleanable cleanable;

    private volatile CancelFlag activeCancel;
    private volatile long position;
    private volatile boolean closed;
    private Thread user;
    private boolean hasLogits;
    /** Tokens that count as read, since their text has been given out, but have yet to be evaluated; mostly none. */
    private int[] unread = NONE;
    private long changes;

    RwkvSession(RwkvModel model) {
        this.model = model;
        ModelInfo info = model.fixedInfo();
        Arena memory = Arena.ofShared();
        try {
            this.tokens = memory.allocate(JAVA_INT, info.chunkTokens());
            this.logits = memory.allocate(JAVA_FLOAT, info.vocabularySize());
            this.readOnlyLogits = logits.asReadOnly();
            this.state = model.engine().newState(memory::close);
        } catch (Throwable e) {
            memory.close();
            throw e;
        }
        this.cleanable = NativeModel.CLEANER.register(this, state::close);
        this.activeCancel = state.cancel();
        this.batch = new NativeBatch(memory, 1, activeCancel);
    }

    /**
     * Whose session this is.
     *
     * @return the model
     */
    public RwkvModel model() {
        return model;
    }

    /**
     * How many tokens the session has read.
     *
     * @return the number of tokens, those of the states it was {@linkplain #restore restored} to included
     */
    public long position() {
        return position;
    }

    /**
     * Feeds a text, as the model's tokenizer encodes it. Nothing in it has a special meaning.
     *
     * @param text the text; an empty one does nothing
     * @throws CancellationException if it was cancelled; the session then is in the state after the number of tokens that
     *     {@link #position} says, and has no logits
     * @throws IllegalStateException if the session or its model is closed, another thread is using the session, or the
     *     model has no tokenizer
     * @throws OutOfMemoryError if there is too little memory to evaluate
     */
    public void feed(String text) {
        feed(tokenizer().encode(text));
    }

    /**
     * Feeds tokens.
     *
     * @param tokens ids below the size of the vocabulary; none does nothing
     * @throws CancellationException if it was cancelled; the session then is in the state after the number of tokens that
     *     {@link #position} says, and has no logits
     * @throws IllegalArgumentException if a token is not in the vocabulary; then nothing has been fed
     * @throws IllegalStateException if the session or its model is closed, or another thread is using the session
     * @throws OutOfMemoryError if there is too little memory to evaluate
     */
    public void feed(int... tokens) {
        checkTokens(tokens);
        exclusively(() -> {
            state.cancel().clear();
            readUnread();
            evaluate(tokens);
            return null;
        });
    }

    /**
     * Feeds tokens and hands out the logits after each of them. Takes no more than a few megabytes, however many tokens
     * there are.
     *
     * @param tokens ids below the size of the vocabulary
     * @param each receives the logits, in the calling thread, token by token; it may throw, which ends the feeding after
     *     some whole number of tokens
     * @throws CancellationException if it was cancelled; the session then is in the state after the number of tokens that
     *     {@link #position} says, and has no logits
     * @throws IllegalArgumentException if a token is not in the vocabulary; then nothing has been fed
     * @throws IllegalStateException if the session or its model is closed, or another thread is using the session
     * @throws OutOfMemoryError if there is too little memory
     */
    public void feed(int[] tokens, LogitsConsumer each) {
        Objects.requireNonNull(each, "each");
        checkTokens(tokens);
        exclusively(() -> {
            state.cancel().clear();
            readUnread();
            evaluate(tokens, each);
            return null;
        });
    }

    /**
     * The logits after the last token.
     *
     * @return a float for each token of the vocabulary, the caller's
     * @throws IllegalStateException if nothing has been fed since the beginning, {@link #reset}, {@link #restore} or a
     *     cancelled evaluation; if the session or its model is closed, or another thread is using the session
     */
    public float[] logits() {
        return upToDate(() -> requireLogits().toArray(JAVA_FLOAT));
    }

    /**
     * The logits after the last token, without a copy.
     *
     * @return a float for each token of the vocabulary: read-only native memory, for any thread; its content changes when
     *     the session reads on, and it is gone when session or model are closed
     * @throws IllegalStateException as for {@link #logits()}
     */
    public MemorySegment logitsSegment() {
        return upToDate(this::requireLogits);
    }

    /**
     * Generates text, piece by piece as the stream is asked for it. Pieces are never empty and end with whole characters.
     *
     * <p>What the session has read afterwards is what it had read before and the text that the stream gave out:
     * <ul>
     * <li>each generated token is fed, except the one that ends the text;
     * <li>a stop string is neither given out nor left in the session. Where it began within a token, the part of the token
     * before it is fed anew;
     * <li>a stream that is closed early may leave a few tokens in the session whose text had to wait for the rest of a
     * character or stop string.
     * </ul>
     *
     * <p>A piece is given out before its last token is evaluated. That is done when the next piece is asked for, or the
     * session for anything that needs it; cancelling at most puts it off. It counts as read before.
     *
     * <p>The session may be used for something else once the stream has ended or is not asked any more; if the stream is
     * asked after that, it throws {@link IllegalStateException}. An evaluation that is {@linkplain #cancel cancelled} ends
     * the stream. The stream should be closed, which frees memory if it has not ended; it is for one thread, also when it
     * is made parallel.
     *
     * @param sampling how tokens are chosen, and when to stop
     * @return the text; closing it stops the generation
     * @throws IllegalStateException if there are no {@linkplain #logits() logits} to begin with, the model has no
     *     tokenizer, the session or its model is closed, or another thread is using the session
     */
    public Stream<String> generate(Sampling sampling) {
        TextGenerator generator = begin(sampling);
        return StreamSupport.stream(generator.spliterator(), false).onClose(generator::close);
    }

    /**
     * Generates text to the end. For what the session has read afterwards see {@link #generate(Sampling)}.
     *
     * @param sampling how tokens are chosen, and when to stop
     * @param text receives the text, in the calling thread, piece by piece as soon as it is certain; never empty, always
     *     whole characters. It may throw, which ends the generation
     * @return how it went; a cancelled generation ends normally
     * @throws IllegalStateException if there are no {@linkplain #logits() logits} to begin with, the model has no
     *     tokenizer, the session or its model is closed, or another thread is using the session
     * @throws OutOfMemoryError if there is too little memory to evaluate
     */
    public Generation generate(Sampling sampling, Consumer<String> text) {
        Objects.requireNonNull(text, "text");
        try (TextGenerator generator = begin(sampling)) {
            return exclusively(() -> generator.run(text));
        }
    }

    private TextGenerator begin(Sampling sampling) {
        Objects.requireNonNull(sampling, "sampling");
        return exclusively(() -> {
            if (unread.length == 0) {
                requireLogits();
            }
            state.cancel().clear();
            return new TextGenerator(this, tokenizer(), sampling);
        });
    }

    /**
     * Stops what the session is doing, if it is doing something: a feed ends with a {@link CancellationException}, a
     * generation ends. For any thread.
     */
    public void cancel() {
        activeCancel.set();
    }

    /**
     * Makes an independent copy: a session that has read the same and has the same logits.
     *
     * @return the copy, to be closed by the caller
     * @throws IllegalStateException if the session or its model is closed, or another thread is using the session
     * @throws OutOfMemoryError if there is no memory for it
     */
    public RwkvSession fork() {
        return upToDate(() -> {
            RwkvSession copy = model.newSession();
            try {
                copy.copyFrom(this);
                return copy;
            } catch (Throwable e) {
                copy.close();
                throw e;
            }
        });
    }

    /**
     * What the session remembers.
     *
     * @return a copy, to be closed by the caller
     * @throws IllegalStateException if the session or its model is closed, or another thread is using the session
     * @throws OutOfMemoryError if there is no memory for it
     */
    public RwkvState state() {
        return upToDate(() -> new RwkvState(model, state, position));
    }

    /**
     * Goes back to a state. Logits are not part of it, so there are none until something is fed.
     *
     * @param source a state of this session's model, copied
     * @throws IllegalArgumentException if it is of another model
     * @throws IllegalStateException if the state, the session or its model is closed, or another thread is using the
     *     session
     */
    public void restore(RwkvState source) {
        if (source.model() != model) {
            throw new IllegalArgumentException("the state belongs to another model");
        }
        exclusively(() -> {
            change();
            position = source.copyTo(state);
            return null;
        });
    }

    /**
     * Begins an empty text.
     *
     * @throws IllegalStateException if the session or its model is closed, or another thread is using the session
     */
    public void reset() {
        exclusively(() -> {
            change();
            state.reset();
            position = 0;
            return null;
        });
    }

    /**
     * Frees the session; closing twice is fine. If a thread is using it, that is stopped and gets an
     * {@link IllegalStateException}, and the memory is freed as soon as it has stopped.
     */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            activeCancel.set();
            if (user == null) {
                cleanable.clean();
            }
        }
    }

    @Override
    public String toString() {
        return "RwkvSession[" + model + ", " + position + " tokens]";
    }

    // ------------------------------------------------------------------ who may use it

    /** Takes the session for the calling thread. {@link #end} gives it back. */
    synchronized void begin() {
        requireOpen();
        if (user != null) {
            throw new IllegalStateException(user == Thread.currentThread()
                    ? "the session is in use: one of its own methods is calling this consumer"
                    : "the session is in use by thread " + user.getName() + ", and is for one thread at a time");
        }
        user = Thread.currentThread();
    }

    synchronized void end() {
        user = null;
        if (closed) {
            cleanable.clean();
        }
    }

    <T> T exclusively(Supplier<T> operation) {
        begin();
        try {
            return operation.get();
        } catch (IllegalStateException e) {
            requireOpen(); // if it was closed meanwhile, that is the reason
            throw e;
        } finally {
            end();
            Reference.reachabilityFence(this);
        }
    }

    /** Takes the session when it has evaluated what it has read, a few tokens at most, which nothing but closing stops. */
    private <T> T upToDate(Supplier<T> operation) {
        return exclusively(() -> {
            boolean interrupted = false;
            boolean cancelled = false;
            try {
                while (unread.length > 0) {
                    interrupted |= Thread.interrupted();
                    cancelled |= state.cancel().isSet();
                    state.cancel().clear();
                    evaluateUnread();
                }
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
                if (cancelled) {
                    state.cancel().set(); // for the generation that goes on
                }
            }
            return operation.get();
        });
    }

    void requireOpen() {
        if (model.engine().isClosed()) {
            throw model.engine().closedException();
        }
        if (closed) {
            throw new IllegalStateException("the session is closed");
        }
    }

    // ------------------------------------------------------------------ evaluation, for the thread that has taken it

    void checkTokens(int[] ids) {
        int size = model.fixedInfo().vocabularySize();
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] < 0 || ids[i] >= size) {
                throw new IllegalArgumentException(
                        "token " + i + " is " + ids[i] + ", expected 0 to " + (size - 1));
            }
        }
    }

    /** Counts tokens as read that {@link #readUnread} evaluates. */
    void readLater(int... ids) {
        change();
        unread = ids;
        position += ids.length;
    }

    /**
     * Evaluates what {@link #readLater} has left.
     *
     * @throws CancellationException if it was cancelled; then it goes on the next time
     */
    void readUnread() {
        while (unread.length > 0) {
            if (!evaluateUnread()) {
                throw cancelled();
            }
        }
    }

    /** Evaluates a chunk of it. Returns whether it came to the end, rather than being cancelled. */
    private boolean evaluateUnread() {
        int count = Math.min(unread.length, model.fixedInfo().chunkTokens());
        boolean complete = evaluateChunk(unread, 0, count, logits, rwkv_h.RWKV_LOGITS_LAST());
        unread = Arrays.copyOfRange(unread, Math.toIntExact(batch.evaluated(0)), unread.length);
        hasLogits = complete && unread.length == 0;
        if (!complete) {
            requireOpen();
        }
        return complete;
    }

    /** Feeds in pieces of a chunk, between which other sessions have their turn. */
    private void evaluate(int... ids) {
        int chunk = model.fixedInfo().chunkTokens();
        for (int from = 0; from < ids.length; from += chunk) {
            int count = Math.min(chunk, ids.length - from);
            boolean last = from + count == ids.length;
            evaluate(ids, from, count, logits, last ? rwkv_h.RWKV_LOGITS_LAST() : rwkv_h.RWKV_LOGITS_NONE());
            hasLogits = last;
        }
    }

    private void evaluate(int[] ids, LogitsConsumer each) {
        long rowBytes = logits.byteSize();
        int rows = (int) Math.max(1, Math.min(model.fixedInfo().chunkTokens(), ALL_LOGITS_BYTES / rowBytes));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment all = arena.allocate(Math.min(rows, ids.length) * rowBytes, JAVA_FLOAT.byteAlignment());
            for (int from = 0; from < ids.length; from += rows) {
                int count = Math.min(rows, ids.length - from);
                evaluate(ids, from, count, all, rwkv_h.RWKV_LOGITS_ALL());
                logits.copyFrom(all.asSlice((count - 1) * rowBytes, rowBytes));
                hasLogits = true;
                for (int i = 0; i < count; i++) {
                    each.accept(from + i, all.asSlice(i * rowBytes, rowBytes).asReadOnly());
                }
            }
        }
    }

    private void evaluate(int[] ids, int from, int count, MemorySegment target, int wanted) {
        change();
        boolean complete = evaluateChunk(ids, from, count, target, wanted);
        position += batch.evaluated(0);
        if (!complete) {
            requireOpen();
            throw cancelled();
        }
    }

    /** Evaluates at most a chunk. Returns whether it came to the end, rather than being cancelled. */
    private boolean evaluateChunk(int[] ids, int from, int count, MemorySegment target, int wanted) {
        requireOpen();
        MemorySegment.copy(ids, from, tokens, JAVA_INT, 0, count);
        batch.set(0, state, tokens, count, target, wanted);
        return model.engine().evaluate(batch);
    }

    static CancellationException cancelled() {
        return new CancellationException("the evaluation was cancelled");
    }

    /** Whether what the session is doing has to end. */
    boolean isCancelled() {
        return state.cancel().isSet() || Thread.currentThread().isInterrupted();
    }

    MemorySegment requireLogits() {
        if (!hasLogits) {
            throw new IllegalStateException("there are no logits: feed something first");
        }
        return readOnlyLogits;
    }

    /** What has been read is about to change. */
    private void change() {
        hasLogits = false;
        unread = NONE;
        changes++;
    }

    /** Grows whenever what has been read changes. */
    long changes() {
        return changes;
    }

    /** Becomes equal to a session that the calling thread has taken. */
    void copyFrom(RwkvSession source) {
        change();
        state.copyFrom(source.state);
        logits.copyFrom(source.logits);
        position = source.position;
        hasLogits = source.hasLogits;
    }

    private Tokenizer tokenizer() {
        return model.tokenizer().orElseThrow(() -> new IllegalStateException(
                model + " has no tokenizer: give it one with ModelOptions.withVocabulary, or feed tokens"));
    }

    // ------------------------------------------------------------------ batches, see SessionBatch

    CancelFlag ownCancelFlag() {
        return state.cancel();
    }

    /** Takes a place in a batch. */
    void join(NativeBatch shared, int index, int[] ids, Arena memory) {
        activeCancel = shared.cancel();
        if (state.cancel().isSet()) { // while others read what they had yet to read
            activeCancel.set();
        }
        change();
        requireOpen();
        shared.set(index, state, memory.allocateFrom(JAVA_INT, ids), ids.length, logits, rwkv_h.RWKV_LOGITS_LAST());
    }

    /** Notes what a batch did to it. */
    void advance(long evaluated, boolean complete) {
        position += evaluated;
        hasLogits = complete;
    }

    void leaveBatch() {
        activeCancel = state.cancel();
    }
}
