package dev.rwkv4j.tool.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * The standard output: UTF-8 whatever the locale. A failure to write is not swallowed as by {@link java.io.PrintStream},
 * but ends the command.
 */
public final class Output {
    private final OutputStream stream;

    Output(OutputStream stream) {
        this.stream = stream;
    }

    /** The output can't be written. */
    static final class ClosedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        ClosedException(IOException cause) {
            super("standard output: " + cause.getMessage(), cause);
        }

        /** Whether who reads it has had enough, as {@code head} has. */
        boolean isBrokenPipe() {
            return getMessage().contains("pipe");
        }
    }

    /** Writes text. It appears when there is enough of it, or at {@link #flush}. */
    public Output print(String text) {
        return write(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Writes text and ends the line. */
    public Output println(String text) {
        return print(text + "\n");
    }

    /** Writes bytes. */
    public Output write(byte[] bytes) {
        try {
            stream.write(bytes);
            return this;
        } catch (IOException e) {
            throw new ClosedException(e);
        }
    }

    /** Lets all that was written appear. */
    public void flush() {
        try {
            stream.flush();
        } catch (IOException e) {
            throw new ClosedException(e);
        }
    }
}
