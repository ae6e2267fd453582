package dev.rwkv4j.tokenizer;

import dev.rwkv4j.gguf.GgufWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The tokenizer of World models and all later ones: at each position of the text's UTF-8 bytes it takes the longest token
 * that is there. No text is special to it, and every byte has a token, so that any bytes can be encoded and come back
 * unchanged. The time that encoding takes grows in proportion to the text.
 */
public final class WorldTokenizer implements Tokenizer {
    /** What token 0 is called in files. */
    static final byte[] END_OF_TEXT = {'<', 's', '>'};
    static final String NAME = "rwkv";

    /** The token of a double newline, at which chats end. */
    private static final int END_OF_TURN = 261;

    private final TokenTable tokens;
    private final ByteTrie trie;

    private WorldTokenizer(TokenTable tokens, ByteTrie trie) {
        this.tokens = tokens;
        this.trie = trie;
    }

    /**
     * Reads a vocabulary file such as {@code rwkv_vocab_v20230424.txt}. Line ends may be LF or CRLF, the last may be
     * missing.
     *
     * @param file the file
     * @return the tokenizer; its size is that of the vocabulary with token 0: see {@link #withSize}
     * @throws TokenizerFormatException if the file is not a complete and consistent vocabulary
     * @throws IOException if it cannot be read
     */
    public static WorldTokenizer read(Path file) throws IOException {
        return parse(file, VocabularyFile.content(file));
    }

    static WorldTokenizer parse(Path file, byte[] content) throws TokenizerFormatException {
        try {
            return of(WorldVocabulary.parse(file, content));
        } catch (VocabularyException e) {
            throw new TokenizerFormatException(file, e.getMessage());
        }
    }

    static WorldTokenizer of(TokenTable tokens) throws VocabularyException {
        return new WorldTokenizer(tokens, ByteTrie.build(tokens, tokens.ofType(TokenTable.NORMAL)));
    }

    @Override
    public int[] encode(String text) {
        return encode(text.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public int[] encode(byte[] bytes) {
        int[] encoded = new int[bytes.length];
        int count = 0;
        for (int at = 0; at < bytes.length;) {
            int token = longest(bytes, at);
            encoded[count++] = token;
            at += tokens.length(token);
        }
        return Arrays.copyOf(encoded, count);
    }

    /** A token is settled when so many bytes are known from its first one on as the longest token has. */
    @Override
    public int settledLength(byte[] beginning) {
        int longestToken = Math.max(1, trie.depth());
        int at = 0;
        while (at <= beginning.length - longestToken) {
            at += tokens.length(longest(beginning, at));
        }
        return at;
    }

    private int longest(byte[] bytes, int at) {
        int token = trie.longest(bytes, at, bytes.length);
        if (token == ByteTrie.NONE) {
            throw new IllegalArgumentException(
                    "the vocabulary has no token for the byte " + Byte.toUnsignedInt(bytes[at]));
        }
        return token;
    }

    @Override
    public byte[] bytes(int token) {
        return tokens.text(token);
    }

    @Override
    public int size() {
        return tokens.size();
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public WorldTokenizer withSize(int size) {
        return new WorldTokenizer(tokens.withSize(size), trie);
    }

    @Override
    public void writeTo(GgufWriter writer) {
        TokenizerKeys.write(writer, NAME, tokens, GgufEscapes::escape);
        if (tokens.type(END_OF_TURN) == TokenTable.NORMAL) {
            writer.putUint32(TokenizerKeys.END_OF_TURN, END_OF_TURN);
        }
    }
}
