package dev.rwkv4j.tokenizer;

import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.gguf.GgufWriter;
import java.io.IOException;
import java.util.Optional;

/**
 * Turns text into the token ids of a model, and ids into text. Implementations are immutable and safe for all threads.
 *
 * <p>Ids run from 0 to {@link #size} − 1; some of them may stand for nothing: the end of the text, and rows that only pad a
 * model's matrices. What a user writes never becomes one of these.
 */
public interface Tokenizer {
    /**
     * Encodes a text. Nothing in it has a special meaning: {@code <|endoftext|>} is thirteen ordinary characters.
     *
     * @param text the text; a lone surrogate counts as {@code ?}, as everywhere in Java where text becomes UTF-8
     * @return its tokens, the caller's
     * @throws IllegalArgumentException if the vocabulary has no token for a byte of the text, which happens with
     *     incomplete vocabularies only
     */
    int[] encode(String text);

    /**
     * Encodes bytes.
     *
     * @param bytes any bytes, normally UTF-8
     * @return their tokens, the caller's
     * @throws IllegalArgumentException if the vocabulary has no token for one of them, which happens with incomplete
     *     vocabularies only
     */
    int[] encode(byte[] bytes);

    /**
     * How much of the beginning of a text can be encoded before the rest is known: for encoding long texts in pieces. The
     * tokens of this part, followed by the tokens of all that comes after it, are the tokens of the whole text.
     *
     * @param beginning the first bytes of a text, of which any number may follow
     * @return a number of bytes; 0 if nothing can be said, which is all that a tokenizer says that does not know better
     * @throws IllegalArgumentException if the vocabulary has no token for one of the bytes, which happens with incomplete
     *     vocabularies only
     */
    default int settledLength(byte[] beginning) {
        return 0;
    }

    /**
     * What a token stands for. That may be a part of a character only: see {@link Utf8Decoder}.
     *
     * @param token its id
     * @return its bytes, the caller's; none for the end of the text and for unused ids
     * @throws IllegalArgumentException if the id is not in 0 … {@link #size} − 1
     */
    byte[] bytes(int token);

    /**
     * Decodes tokens.
     *
     * @param tokens their ids
     * @return the text; where the bytes of all tokens together are not valid UTF-8 there is U+FFFD
     * @throws IllegalArgumentException if an id is not in 0 … {@link #size} − 1
     */
    default String decode(int... tokens) {
        Utf8Decoder decoder = new Utf8Decoder();
        StringBuilder text = new StringBuilder();
        for (int token : tokens) {
            decoder.decode(bytes(token), text);
        }
        decoder.finish(text);
        return text.toString();
    }

    /** {@return the number of ids, used or not: the rows of the embedding that the tokenizer is for} */
    int size();

    /** {@return the id that ends a text and separates documents, 0} */
    default int endOfText() {
        return 0;
    }

    /** {@return the kind: {@code rwkv} and {@code gpt2}, as GGUF files say, or {@code bytes}} */
    String name();

    /**
     * The same tokenizer for a model with another number of rows.
     *
     * @param size the number of ids; those without a token decode to nothing
     * @return the tokenizer
     * @throws IllegalArgumentException if there are more tokens than that
     */
    Tokenizer withSize(int size);

    /**
     * Adds the keys {@code tokenizer.ggml.*} to the metadata of a model with {@link #size} rows, as llama.cpp writes them.
     *
     * @param writer receives them
     */
    void writeTo(GgufWriter writer);

    /**
     * The tokenizer that is stored in a GGUF file.
     *
     * @param metadata the file's metadata
     * @param vocabularySize the number of rows of the model's embedding
     * @return the tokenizer; empty if the file has none, and for a model without vocabulary ({@code none}) unless it has
     *     256 rows, one for each byte
     * @throws IOException if the file's tokenizer is damaged, does not fit the model, or is of an unknown kind
     */
    static Optional<Tokenizer> of(GgufMetadata metadata, int vocabularySize) throws IOException {
        return TokenizerKeys.read(metadata, vocabularySize);
    }
}
