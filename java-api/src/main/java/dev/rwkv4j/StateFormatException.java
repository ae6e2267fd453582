package dev.rwkv4j;

import java.io.IOException;
import java.io.Serial;

/** A saved state is damaged, or of another model. The message names the file and what is wrong. */
public final class StateFormatException extends IOException {
    @Serial
    private static final long serialVersionUID = 1L;

    StateFormatException(String message) {
        super(message);
    }

    StateFormatException(String message, Throwable cause) {
        super(message, cause);
    }
}
