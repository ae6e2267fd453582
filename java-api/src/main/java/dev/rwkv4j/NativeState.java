package dev.rwkv4j;

import dev.rwkv4j.bindings.NativeCalls;
import dev.rwkv4j.bindings.rwkv_h;
import java.lang.foreign.MemorySegment;

/**
 * A state in native memory. It belongs to a {@link RwkvState} or {@link RwkvSession}, which sees to it that one thread at
 * a time uses it, and is freed by {@link #close} or together with its model.
 */
final class NativeState implements AutoCloseable {
    private final NativeModel model;
    private final MemorySegment handle;
    private final CancelFlag cancel;
    private final Runnable whenFreed;

    /** See {@link NativeModel#newState}. */
    NativeState(NativeModel model, MemorySegment handle, CancelFlag cancel, Runnable whenFreed) {
        this.model = model;
        this.handle = handle;
        this.cancel = cancel;
        this.whenFreed = whenFreed;
    }

    MemorySegment handle() {
        return handle;
    }

    /** What stops evaluations of this state. */
    CancelFlag cancel() {
        return cancel;
    }

    void get(MemorySegment floats) {
        call(error -> rwkv_h.rwkv_state_get(handle, floats, floats.byteSize() / Float.BYTES, error));
    }

    void set(MemorySegment floats) {
        call(error -> rwkv_h.rwkv_state_set(handle, floats, floats.byteSize() / Float.BYTES, error));
    }

    void copyFrom(NativeState source) {
        call(error -> rwkv_h.rwkv_state_copy(handle, source.handle, error));
    }

    void reset() {
        call(error -> rwkv_h.rwkv_state_reset(handle, error));
    }

    private void call(NativeCalls.Call call) {
        model.enter();
        try {
            NativeFailure.call(call);
        } finally {
            model.leave();
        }
    }

    /** Frees it, unless that has been done. */
    @Override
    public void close() {
        model.release(this);
    }

    /** For the model, which knows that it has not been freed and that nobody uses it. */
    void free() {
        rwkv_h.rwkv_state_free(handle);
        whenFreed.run();
    }
}
