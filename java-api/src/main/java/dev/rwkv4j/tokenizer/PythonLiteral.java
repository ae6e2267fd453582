package dev.rwkv4j.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Reads the string literals of a World vocabulary file: {@code '…'} and {@code "…"} are texts, {@code b'…'} and
 * {@code b"…"} bytes. A numeric escape is a code point in a text and a byte in bytes.
 */
final class PythonLiteral {
    private static final String ESCAPES = "tnr\\'\"";
    private static final String ESCAPED = "\t\n\r\\'\"";

    private final String literal;
    private final boolean ofBytes;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private PythonLiteral(String literal) {
        this.literal = literal;
        this.ofBytes = literal.startsWith("b");
    }

    /** The bytes of the token that a literal stands for. */
    static byte[] parse(String literal) throws VocabularyException {
        return new PythonLiteral(literal).parse();
    }

    private byte[] parse() throws VocabularyException {
        int from = ofBytes ? 1 : 0;
        int to = literal.length() - 1;
        char quote = from < to ? literal.charAt(from) : 0;
        if (quote != '\'' && quote != '"' || literal.charAt(to) != quote) {
            throw new VocabularyException("the token is not between quotes");
        }
        for (int i = from + 1; i < to;) {
            int c = literal.codePointAt(i);
            if (c == quote) {
                throw new VocabularyException("there is a quote within the quotes");
            }
            i = c == '\\' ? escape(i + 1, to) : plain(c, i);
        }
        return bytes.toByteArray();
    }

    private int plain(int c, int at) throws VocabularyException {
        if (ofBytes && c >= 0x80) {
            throw new VocabularyException("there is a character beyond ASCII in a literal of bytes");
        }
        write(c);
        return at + Character.charCount(c);
    }

    /** Reads what follows a backslash; returns where it ends. */
    private int escape(int at, int to) throws VocabularyException {
        if (at == to) {
            throw new VocabularyException("the last quote belongs to an escape sequence");
        }
        char kind = literal.charAt(at);
        int simple = ESCAPES.indexOf(kind);
        if (simple >= 0) {
            write(ESCAPED.charAt(simple));
            return at + 1;
        }
        if (kind == 'x' || kind == 'u' && !ofBytes) {
            int digits = kind == 'x' ? 2 : 4;
            write(hex(at + 1, digits));
            return at + 1 + digits;
        }
        throw new VocabularyException("the escape sequence \\" + kind + " is unknown");
    }

    /** The value of the hexadecimal digits that have to stand at a position. */
    private int hex(int from, int digits) throws VocabularyException {
        int value = 0;
        for (int i = from; i < from + digits; i++) {
            int digit = i < literal.length() && literal.charAt(i) < 0x80 ? Character.digit(literal.charAt(i), 16) : -1;
            if (digit < 0) {
                throw new VocabularyException(
                        "an escape sequence is not followed by " + digits + " hexadecimal digits");
            }
            value = value << 4 | digit;
        }
        return value;
    }

    private void write(int value) throws VocabularyException {
        if (ofBytes || value < 0x80) {
            bytes.write(value);
        } else if (value >= Character.MIN_SURROGATE && value <= Character.MAX_SURROGATE) {
            throw new VocabularyException("a surrogate is no character");
        } else {
            bytes.writeBytes(Character.toString(value).getBytes(StandardCharsets.UTF_8));
        }
    }
}
