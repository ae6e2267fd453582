package dev.rwkv4j.tool;

import dev.rwkv4j.tool.cli.Terminal;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where commands read text from. */
final class TextInput {
    /** A file's name that stands for the standard input. */
    static final Path STANDARD_INPUT = Path.of("-");

    private TextInput() {
    }

    /** All bytes of a file, or of the standard input if it is called {@code -}. */
    static byte[] read(Path file, Terminal terminal) throws IOException {
        try (InputStream in = open(file, terminal)) {
            return in.readAllBytes();
        }
    }

    /** A file, or the standard input if it is called {@code -}, for who reads it in pieces and closes it. */
    static InputStream open(Path file, Terminal terminal) throws IOException {
        if (file.equals(STANDARD_INPUT)) {
            return terminal.in();
        }
        if (Files.isDirectory(file)) {
            throw new FileSystemException(file.toString(), null, "is a directory, not a text");
        }
        return Files.newInputStream(file);
    }
}
