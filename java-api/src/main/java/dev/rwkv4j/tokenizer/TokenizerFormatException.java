package dev.rwkv4j.tokenizer;

import dev.rwkv4j.gguf.Printable;
import java.io.IOException;
import java.io.Serial;
import java.nio.file.Path;

/** A vocabulary file is not what it has to be. The message names the file, the place and what was expected. */
public class TokenizerFormatException extends IOException {
    @Serial
    private static final long serialVersionUID = 1L;

    /**
     * Something is wrong with a file as a whole, or with a value in it.
     *
     * @param file the file
     * @param problem what was found and what was expected
     */
    public TokenizerFormatException(Path file, String problem) {
        super(file + ": " + Printable.message(problem));
    }

    /**
     * Something is wrong in a line.
     *
     * @param file the file
     * @param line the line, counted from 1
     * @param problem what was found and what was expected
     */
    public TokenizerFormatException(Path file, int line, String problem) {
        super(file + ", line " + line + ": " + Printable.message(problem));
    }
}
