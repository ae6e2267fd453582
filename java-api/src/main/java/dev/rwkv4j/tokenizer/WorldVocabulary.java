package dev.rwkv4j.tokenizer;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reads World vocabulary files: one token per line, {@code ID LITERAL LENGTH}, ids from 1 on without gaps, the first 256
 * being the single bytes in order.
 */
final class WorldVocabulary {
    private static final int SINGLE_BYTES = 256;

    private final Path file;
    private final TokenTable.Builder tokens = new TokenTable.Builder();
    private int line;

    private WorldVocabulary(Path file) {
        this.file = file;
    }

    /** Reads the content of a file; the path is for messages. */
    static TokenTable parse(Path file, byte[] content) throws TokenizerFormatException {
        return new WorldVocabulary(file).parse(content);
    }

    private TokenTable parse(byte[] content) throws TokenizerFormatException {
        tokens.add(TokenTable.CONTROL, WorldTokenizer.END_OF_TEXT);
        for (int from = 0; from < content.length;) {
            int to = from;
            while (to < content.length && content[to] != '\n') {
                to++;
            }
            line++;
            int end = to > from && content[to - 1] == '\r' ? to - 1 : to;
            parseLine(text(ByteBuffer.wrap(content, from, end - from)));
            from = to + 1;
        }
        if (tokens.count() <= SINGLE_BYTES) {
            throw new TokenizerFormatException(file, "the vocabulary ends after " + (tokens.count() - 1)
                    + " tokens, before all " + SINGLE_BYTES + " single bytes have come");
        }
        return tokens.build();
    }

    private String text(ByteBuffer bytes) throws TokenizerFormatException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw fail("it is not valid UTF-8");
        }
    }

    private void parseLine(String text) throws TokenizerFormatException {
        int first = text.indexOf(' ');
        int last = text.lastIndexOf(' ');
        if (first == last) {
            throw fail("expected a token's id, the token between quotes and its length in bytes");
        }
        int id = tokens.count();
        if (id >= ByteTrie.MAX_TOKENS) {
            throw fail("more than " + (ByteTrie.MAX_TOKENS - 1) + " tokens are not supported");
        }
        if (!text.substring(0, first).equals(Integer.toString(id))) {
            throw fail("the token's id is '" + text.substring(0, first) + "', expected " + id);
        }
        byte[] token = literal(text.substring(first + 1, last));
        if (!text.substring(last + 1).equals(Integer.toString(token.length)) || token.length == 0) {
            throw fail("the token's length is given as '" + text.substring(last + 1) + "', but it has " + token.length
                    + " bytes");
        }
        if (id <= SINGLE_BYTES && (token.length != 1 || Byte.toUnsignedInt(token[0]) != id - 1)) {
            throw fail("token " + id + " has to be the single byte " + (id - 1));
        }
        tokens.add(TokenTable.NORMAL, token);
    }

    private byte[] literal(String text) throws TokenizerFormatException {
        try {
            return PythonLiteral.parse(text);
        } catch (VocabularyException e) {
            throw fail(e.getMessage());
        }
    }

    private TokenizerFormatException fail(String problem) {
        return new TokenizerFormatException(file, line, problem);
    }
}
