package dev.rwkv4j.tool.cli;

import java.io.Serial;

/** Something is wrong with what was typed. The message is one line that names the option or operand and what is expected. */
public final class UsageException extends Exception {
    @Serial
    private static final long serialVersionUID = 1L;

    /** With a message for the person who typed it. */
    public UsageException(String message) {
        super(message);
    }
}
