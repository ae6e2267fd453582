package dev.rwkv4j.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Calls the library so that a failure is an exception:
 *
 * <pre>{@code
 * MemorySegment state = NativeCalls.create((out, error) -> rwkv_h.rwkv_state_create(model, out, error));
 * NativeCalls.call(error -> rwkv_h.rwkv_state_reset(state, error));
 * rwkv_h.rwkv_state_free(state);
 * }</pre>
 *
 * Loads the library first if need be. The threads that may call are those that {@code rwkv.h} allows; this class adds
 * no lock and no state.
 */
public final class NativeCalls {
    private NativeCalls() {
    }

    /** A function that returns an {@code enum rwkv_status}. */
    @FunctionalInterface
    public interface Call {
        /**
         * Calls it.
         *
         * @param error a {@code struct rwkv_error} to pass on, valid during this call
         * @return the status
         */
        int apply(MemorySegment error);
    }

    /** A function that returns an {@code enum rwkv_status} and writes a handle. */
    @FunctionalInterface
    public interface Create {
        /**
         * Calls it.
         *
         * @param handle room for one pointer
         * @param error a {@code struct rwkv_error} to pass on, valid during this call
         * @return the status
         */
        int apply(MemorySegment handle, MemorySegment error);
    }

    /**
     * Makes a call.
     *
     * @throws RwkvNativeException if its status is not {@code RWKV_OK}
     * @throws NativeLibraryException if the library cannot be loaded
     */
    public static void call(Call call) {
        NativeLibrary.load();
        try (Arena arena = Arena.ofConfined()) {
            check(call, arena);
        }
    }

    /**
     * Makes a call that creates something.
     *
     * @return the handle, a segment of length 0, to be given to the library's function that frees it
     * @throws RwkvNativeException if the status is not {@code RWKV_OK}
     * @throws NativeLibraryException if the library cannot be loaded
     */
    public static MemorySegment create(Create create) {
        NativeLibrary.load();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment handle = arena.allocate(ValueLayout.ADDRESS);
            check(error -> create.apply(handle, error), arena);
            return handle.get(ValueLayout.ADDRESS, 0);
        }
    }

    /**
     * Memory that the library has given out.
     *
     * @param address where it begins
     * @param bytes its length, as the library says
     * @param arena lives no longer than the memory
     * @return the memory, as long as the arena lives
     */
    @SuppressWarnings("restricted")
    public static MemorySegment memory(MemorySegment address, long bytes, Arena arena) {
        return address.reinterpret(bytes, arena, null);
    }

    private static void check(Call call, Arena arena) {
        MemorySegment error = rwkv_error.allocate(arena);
        check(call.apply(error), error);
    }

    /**
     * Turns the outcome of a call into an exception, for callers that keep a {@code struct rwkv_error} of their own.
     *
     * @param status what the call returned
     * @param error the {@code struct rwkv_error} that was passed to it
     * @throws RwkvNativeException if the status is not {@code RWKV_OK}
     */
    public static void check(int status, MemorySegment error) {
        if (status != rwkv_h.RWKV_OK()) {
            throw new RwkvNativeException(RwkvStatus.of(status), rwkv_error.message(error).getString(0));
        }
    }
}
