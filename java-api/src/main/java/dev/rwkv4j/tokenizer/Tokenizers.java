package dev.rwkv4j.tokenizer;

import java.io.IOException;
import java.nio.file.Path;

/** Reads vocabulary files of any kind. */
public final class Tokenizers {
    private Tokenizers() {
    }

    /**
     * Reads a vocabulary file, whose kind is recognised by its content.
     *
     * @param file a World vocabulary such as {@code rwkv_vocab_v20230424.txt}, or a {@code tokenizer.json} of a byte-level
     *     BPE such as {@code 20B_tokenizer.json}
     * @return the tokenizer; for a model with more rows than tokens see {@link Tokenizer#withSize}
     * @throws TokenizerFormatException if it is neither, or not complete and consistent
     * @throws IOException if it cannot be read
     */
    public static Tokenizer read(Path file) throws IOException {
        byte[] content = VocabularyFile.content(file);
        int begin = 0;
        while (begin < content.length && Character.isWhitespace(content[begin])) {
            begin++;
        }
        if (begin < content.length && content[begin] == '{') {
            return NeoxTokenizer.parse(file, content);
        }
        if (content.length > 0 && Character.isDigit(content[0])) {
            return WorldTokenizer.parse(file, content);
        }
        throw new TokenizerFormatException(file,
                "is neither a World vocabulary (lines of: ID 'TOKEN' LENGTH) nor a tokenizer.json");
    }
}
