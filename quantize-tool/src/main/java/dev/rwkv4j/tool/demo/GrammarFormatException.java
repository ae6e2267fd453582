package dev.rwkv4j.tool.demo;

import java.io.IOException;
import java.io.Serial;

/** A line of a grammar file is not what it has to be. The message names the file, the line and what was expected. */
public final class GrammarFormatException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    /**
     * Describes a bad line.
     *
     * @param file the name of the grammar file
     * @param line the number of the line, from 1
     * @param expected what was expected, or what is wrong
     */
    GrammarFormatException(String file, int line, String expected) {
        super(file + ":" + line + ": " + expected);
    }
}
