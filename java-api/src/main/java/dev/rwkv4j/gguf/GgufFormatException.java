package dev.rwkv4j.gguf;

import java.io.IOException;
import java.io.Serial;
import java.nio.file.Path;

/** The content of a GGUF file is not what it has to be. The message names the file, the place and what was expected. */
public class GgufFormatException extends IOException {
    @Serial
    private static final long serialVersionUID = 1L;

    /**
     * Something is wrong with a file as a whole, or with a value in it.
     *
     * @param file the file
     * @param problem what was found and what was expected
     */
    public GgufFormatException(Path file, String problem) {
        super(file + ": " + Printable.message(problem));
    }

    /**
     * Something is wrong at one place of a file.
     *
     * @param file the file
     * @param offset the place, in bytes from the start
     * @param problem what was found and what was expected
     */
    public GgufFormatException(Path file, long offset, String problem) {
        super(file + ": " + Printable.message(problem) + " (at byte " + offset + ")");
    }
}
