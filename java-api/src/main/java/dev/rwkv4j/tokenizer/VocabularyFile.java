package dev.rwkv4j.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads files that hold vocabularies. They have a few megabytes; what is much larger was not meant. */
final class VocabularyFile {
    private static final long MAX_BYTES = 16 << 20;

    private VocabularyFile() {
    }

    static byte[] content(Path file) throws IOException {
        long size = Files.size(file);
        if (size > MAX_BYTES) {
            throw new TokenizerFormatException(file,
                    "a file of " + size + " bytes is no vocabulary, allowed are " + MAX_BYTES);
        }
        return Files.readAllBytes(file);
    }
}
