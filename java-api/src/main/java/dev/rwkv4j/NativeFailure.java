package dev.rwkv4j;

import dev.rwkv4j.bindings.NativeCalls;
import dev.rwkv4j.bindings.RwkvNativeException;
import java.lang.foreign.MemorySegment;

/** Calls the native library so that its failures are exceptions that a Java programmer expects. */
final class NativeFailure {
    private NativeFailure() {
    }

    static void call(NativeCalls.Call call) {
        try {
            NativeCalls.call(call);
        } catch (RwkvNativeException e) {
            throw translate(e);
        }
    }

    static MemorySegment create(NativeCalls.Create create) {
        try {
            return NativeCalls.create(create);
        } catch (RwkvNativeException e) {
            throw translate(e);
        }
    }

    /** Memory and threads run out as they do elsewhere in Java: with an {@link OutOfMemoryError}. */
    static RuntimeException translate(RwkvNativeException e) {
        return switch (e.status()) {
            case MEMORY, THREAD -> throw (Error) new OutOfMemoryError(e.getMessage()).initCause(e);
            case ARGUMENT -> new IllegalArgumentException(e.getMessage(), e);
            case MODEL, UNSUPPORTED, CANCELLED -> new IllegalStateException(e.getMessage(), e);
        };
    }
}
