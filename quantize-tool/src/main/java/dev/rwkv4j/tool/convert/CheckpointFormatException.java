package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.Printable;
import java.io.IOException;
import java.io.Serial;
import java.nio.file.Path;

/**
 * The content of a checkpoint is not what it has to be, or is of a kind that can't be converted. The message names the
 * file, the place or tensor, and what was expected.
 */
public class CheckpointFormatException extends IOException {
    @Serial
    private static final long serialVersionUID = 1L;

    /**
     * Something is wrong with a file as a whole, or with a tensor that the problem names.
     *
     * @param file the file
     * @param problem what was found and what was expected
     */
    public CheckpointFormatException(Path file, String problem) {
        super(file + ": " + Printable.message(problem));
    }

    /**
     * Something is wrong at one place of a file.
     *
     * @param file the file
     * @param offset the place, in bytes from the start
     * @param problem what was found and what was expected
     */
    public CheckpointFormatException(Path file, long offset, String problem) {
        super(file + ": " + Printable.message(problem) + " (at byte " + offset + ")");
    }
}
