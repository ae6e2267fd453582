package dev.rwkv4j.bindings;

import java.util.ArrayList;
import java.util.List;

/** No librwkv4j could be loaded. The message lists every place that was tried and why it failed, a line for each. */
public final class NativeLibraryException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private NativeLibraryException(String message) {
        super(message);
    }

    /** What was tried so far. */
    static final class Attempts {
        private final List<String> lines = new ArrayList<>();

        void failed(String source, String reason) {
            lines.add("  " + source + ": " + reason);
        }

        NativeLibraryException exception() {
            return new NativeLibraryException("the native library rwkv4j could not be loaded on " + Platform.current()
                    + "; tried:\n" + String.join("\n", lines)
                    + "\nA library of your own is named with -D" + NativeLibrary.PROPERTY + "=FILE.");
        }
    }
}
