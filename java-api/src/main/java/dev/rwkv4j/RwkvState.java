package dev.rwkv4j;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.rwkv4j.internal.AtomicFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner.Cleanable;
import java.lang.ref.Reference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * What a model remembers of a text: a value of constant size, however long the text is. It does not contain the logits
 * after the last token.
 *
 * <p>A state can be kept in a file or any other stream, and read by the same model only. All numbers are little-endian:
 *
 * <table>
 * <caption>The format</caption>
 * <tr><th>bytes</th><th>content</th></tr>
 * <tr><td>8</td><td>the letters {@code RWKV4JST}</td></tr>
 * <tr><td>4</td><td>version of this format, 1</td></tr>
 * <tr><td>4</td><td>0</td></tr>
 * <tr><td>32</td><td>the model's {@linkplain ModelInfo#fingerprint() fingerprint}</td></tr>
 * <tr><td>8</td><td>how many tokens have been read</td></tr>
 * <tr><td>8</td><td>number of floats, {@link ModelInfo#stateFloats()}</td></tr>
 * <tr><td>4 each</td><td>the floats, as {@link #toArray()} has them</td></tr>
 * <tr><td>4</td><td>CRC-32C of everything before</td></tr>
 * </table>
 *
 * <p>All threads may use it; calls wait for each other. To be closed when it isn't needed any longer; it is closed with
 * its model. Methods of a closed state throw {@link IllegalStateException}.
 */
public final class RwkvState implements AutoCloseable {
    private final RwkvModel model;
    private final NativeState state;
    private final Cleanable cleanable;
    private long position;
    private boolean closed;

    /** A fresh state. */
    RwkvState(RwkvModel model) {
        this.model = model;
        this.state = model.engine().newState(() -> {
        });
        this.cleanable = NativeModel.CLEANER.register(this, state::close);
    }

    /** A copy of a state that nobody changes meanwhile. */
    RwkvState(RwkvModel model, NativeState source, long position) {
        this(model);
        try {
            state.copyFrom(source);
        } catch (Throwable e) {
            close();
            throw e;
        }
        this.position = position;
    }

    /**
     * Whose state this is.
     *
     * @return the model
     */
    public RwkvModel model() {
        return model;
    }

    /**
     * How many tokens led to this state.
     *
     * @return the number of tokens; {@link #set} does not change it
     */
    public synchronized long position() {
        return position;
    }

    /**
     * Makes an independent copy.
     *
     * @return the copy, to be closed by the caller
     * @throws IllegalStateException if the state or its model is closed
     * @throws OutOfMemoryError if there is no memory for it
     */
    public synchronized RwkvState copy() {
        return whileOpen(() -> new RwkvState(model, state, position));
    }

    /**
     * The state as numbers. For each layer: the time mix's shift vector (width floats); for version 4 the vectors aa, bb
     * and pp (width each), for the others the matrices (heads × value channels × key channels); the channel mix's shift
     * vector (width).
     *
     * @return {@link ModelInfo#stateFloats()} floats, the caller's
     * @throws IllegalStateException if the state or its model is closed
     * @throws OutOfMemoryError if there is too little memory
     */
    public float[] toArray() {
        return withFloats(floats -> {
            state.get(floats);
            return floats.toArray(JAVA_FLOAT);
        });
    }

    /**
     * Changes the state.
     *
     * @param values {@link ModelInfo#stateFloats()} finite floats in the order of {@link #toArray()}
     * @throws IllegalArgumentException if their number is another one, or one is not finite; the state is as before then
     * @throws IllegalStateException if the state or its model is closed
     * @throws OutOfMemoryError if there is too little memory
     */
    public void set(float[] values) {
        long expected = model.fixedInfo().stateFloats();
        if (values.length != expected) {
            throw new IllegalArgumentException(values.length + " floats were given, but a state has " + expected);
        }
        withFloats(floats -> {
            MemorySegment.copy(values, 0, floats, JAVA_FLOAT, 0, values.length);
            state.set(floats);
            return null;
        });
    }

    /**
     * Writes the state to a file, which appears under its name complete or not at all.
     *
     * @param file where; a regular file that is there already is replaced
     * @throws IOException if it cannot be written
     * @throws IllegalStateException if the state or its model is closed
     * @throws OutOfMemoryError if there is too little memory
     */
    public void save(Path file) throws IOException {
        try (AtomicFile target = AtomicFile.create(file)) {
            save(target.stream());
            target.commit();
        }
    }

    /**
     * Writes the state to a stream.
     *
     * @param out where; neither flushed nor closed
     * @throws IOException if it cannot be written
     * @throws IllegalStateException if the state or its model is closed
     * @throws OutOfMemoryError if there is too little memory
     */
    public void save(OutputStream out) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = allocate(arena);
            StateFormat.Header header;
            synchronized (this) {
                whileOpen(() -> {
                    state.get(floats);
                    return null;
                });
                header = new StateFormat.Header(model.fingerprint(), position);
            }
            StateFormat.write(out, header, floats);
        }
    }

    /**
     * Reads a state from a file.
     *
     * @param model the model that it was saved of, or one loaded from an equal file
     * @param file the file
     * @return the state, to be closed by the caller
     * @throws StateFormatException if it is no state file, is damaged, or is of another model
     * @throws IOException if it cannot be read
     * @throws IllegalStateException if the model is closed
     * @throws OutOfMemoryError if there is too little memory
     */
    public static RwkvState load(RwkvModel model, Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            RwkvState state = load(model, in, file.toString());
            if (in.read() >= 0) {
                state.close();
                throw new StateFormatException(file + ": there is something behind the end of the state");
            }
            return state;
        }
    }

    /**
     * Reads a state from a stream, and nothing beyond it.
     *
     * @param model the model that it was saved of, or one loaded from an equal file
     * @param in where from; not closed
     * @return the state, to be closed by the caller
     * @throws StateFormatException if there is no state, or it is damaged or of another model
     * @throws IOException if it cannot be read
     * @throws IllegalStateException if the model is closed
     * @throws OutOfMemoryError if there is too little memory
     */
    public static RwkvState load(RwkvModel model, InputStream in) throws IOException {
        return load(model, in, "stream");
    }

    private static RwkvState load(RwkvModel model, InputStream in, String source) throws IOException {
        RwkvState result = model.newState();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = result.allocate(arena);
            result.position = StateFormat.read(in, source, model.fingerprint(), floats);
            result.state.set(floats);
            return result;
        } catch (IllegalArgumentException e) {
            result.close();
            throw new StateFormatException(source + ": " + e.getMessage(), e);
        } catch (Throwable e) {
            result.close();
            throw e;
        }
    }

    /** Frees the state. Closing twice is fine. */
    @Override
    public synchronized void close() {
        closed = true;
        cleanable.clean();
    }

    @Override
    public String toString() {
        return "RwkvState[" + model + ", " + position() + " tokens]";
    }

    /** Copies it to a state that the caller has taken, and returns the position. */
    synchronized long copyTo(NativeState target) {
        return whileOpen(() -> {
            target.copyFrom(state);
            return position;
        });
    }

    private synchronized <T> T withFloats(Function<MemorySegment, T> operation) {
        return whileOpen(() -> {
            try (Arena arena = Arena.ofConfined()) {
                return operation.apply(allocate(arena));
            }
        });
    }

    private MemorySegment allocate(Arena arena) {
        return arena.allocate(JAVA_FLOAT, model.fixedInfo().stateFloats());
    }

    /** For the thread that has locked it. */
    private <T> T whileOpen(Supplier<T> operation) {
        if (closed) {
            throw new IllegalStateException("the state is closed");
        }
        try {
            return operation.get();
        } finally {
            Reference.reachabilityFence(this);
        }
    }
}
