package dev.rwkv4j;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.rwkv4j.bindings.NativeCalls;
import dev.rwkv4j.bindings.rwkv_context_info;
import dev.rwkv4j.bindings.rwkv_h;
import dev.rwkv4j.gguf.GgufFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.util.Iterator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Everything that a model has outside of Java's heap: the mapped file, the native model, its one context and all states.
 * It knows no {@link RwkvModel}, so that a cleaner may close it when that one is forgotten.
 *
 * <p>Two locks. Every call of the native library holds {@code life} for reading; {@link #close} sets all cancel flags and
 * takes it for writing, so that nothing is freed under a call. An evaluation holds {@code evaluating} besides, since a
 * context runs one at a time; the lock is fair, so that sessions take turns. No foreign code runs under either.
 */
final class NativeModel implements AutoCloseable {
    static final Cleaner CLEANER = Cleaner.create();

    private final GgufFile file;
    private final MemorySegment model;
    private final MemorySegment context;
    /** Lives as long as the context. */
    private final Arena observed = Arena.ofShared();
    private final Set<NativeState> states = ConcurrentHashMap.newKeySet();
    private final ReentrantReadWriteLock life = new ReentrantReadWriteLock();
    private final ReentrantLock evaluating = new ReentrantLock(true);
    private volatile boolean closed;
    private boolean freed;
    private volatile long scratchBytes;
    private volatile String fingerprint;

    /** Takes everything over. */
    NativeModel(GgufFile file, MemorySegment model, MemorySegment context) {
        this.file = file;
        this.model = model;
        this.context = context;
    }

    boolean isClosed() {
        return closed;
    }

    IllegalStateException closedException() {
        return new IllegalStateException("the model " + file.path() + " is closed");
    }

    /** Begins a call of the native library; {@link #leave} ends it. */
    void enter() {
        life.readLock().lock();
        if (closed) {
            life.readLock().unlock();
            throw closedException();
        }
    }

    void leave() {
        life.readLock().unlock();
    }

    /**
     * Makes a fresh state.
     *
     * @param whenFreed run once the state has been freed; must hold no reference to the state's owner
     */
    NativeState newState(Runnable whenFreed) {
        enter();
        try {
            MemorySegment handle = NativeFailure.create((out, error) -> rwkv_h.rwkv_state_create(model, out, error));
            NativeState state = new NativeState(this, handle, new CancelFlag(), whenFreed);
            states.add(state);
            return state;
        } finally {
            leave();
        }
    }

    /** Frees a state, unless that has been done. Nobody may be using it. */
    void release(NativeState state) {
        life.readLock().lock();
        try {
            if (states.remove(state)) {
                state.free();
            }
        } finally {
            life.readLock().unlock();
        }
    }

    /**
     * Evaluates a batch when it is its turn. An interrupt of the thread counts as cancelling, and its status is kept.
     *
     * @return whether it came to the end, rather than being cancelled
     * @throws IllegalStateException if the model is closed, or was while the thread waited for its turn
     */
    boolean evaluate(NativeBatch batch) {
        enter();
        try {
            evaluating.lockInterruptibly();
            try {
                return evaluateNow(batch);
            } finally {
                evaluating.unlock();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            leave();
        }
    }

    /**
     * Observes the inputs of a matrix when no evaluation is running.
     *
     * @return the sums of squares, which are gone when the model is closed
     */
    MemorySegment observe(String matrix) {
        enter();
        evaluating.lock();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(matrix);
            MemorySegment sums = arena.allocate(ADDRESS);
            MemorySegment columns = arena.allocate(JAVA_LONG);
            NativeFailure.call(error -> rwkv_h.rwkv_context_observe(context, name, sums, columns, error));
            long bytes = columns.get(JAVA_LONG, 0) * Float.BYTES;
            return NativeCalls.memory(sums.get(ADDRESS, 0), bytes, observed);
        } finally {
            evaluating.unlock();
            leave();
        }
    }

    private boolean evaluateNow(NativeBatch batch) {
        if (closed) {
            throw closedException();
        }
        batch.cancel().begin();
        try {
            return batch.evaluate(context);
        } finally {
            batch.cancel().end();
        }
    }

    /** What the context holds, in bytes: now if no evaluation is running, else before it. */
    long scratchBytes() {
        enter();
        try {
            if (evaluating.tryLock()) {
                try (Arena arena = Arena.ofConfined()) {
                    scratchBytes = rwkv_context_info.scratch_bytes(contextInfo(context, arena));
                } finally {
                    evaluating.unlock();
                }
            }
            return scratchBytes;
        } finally {
            leave();
        }
    }

    /** What tells the model apart; made when it is first asked for, as loading need not wait for it. */
    String fingerprint(String architecture) {
        String known = fingerprint;
        if (known == null) {
            enter();
            try {
                known = ModelFingerprint.of(architecture, file);
                fingerprint = known;
            } finally {
                leave();
            }
        }
        return known;
    }

    /** The {@code struct rwkv_context_info} of a context that is not evaluating. */
    static MemorySegment contextInfo(MemorySegment context, Arena arena) {
        MemorySegment info = rwkv_context_info.allocate(arena);
        rwkv_context_info.struct_size(info, Math.toIntExact(info.byteSize()));
        NativeFailure.call(error -> rwkv_h.rwkv_context_info(context, info, error));
        return info;
    }

    /** Stops all evaluations, waits for their end and frees everything. */
    @Override
    public void close() {
        closed = true;
        states.forEach(state -> state.cancel().set());
        life.writeLock().lock();
        try {
            free();
        } finally {
            life.writeLock().unlock();
        }
    }

    private void free() {
        for (Iterator<NativeState> remaining = states.iterator(); remaining.hasNext();) {
            NativeState state = remaining.next();
            remaining.remove();
            state.free();
        }
        if (!freed) {
            freed = true;
            observed.close();
            rwkv_h.rwkv_context_free(context);
            rwkv_h.rwkv_model_free(model);
            file.close();
        }
    }
}
