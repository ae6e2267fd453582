package dev.rwkv4j.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** How World tokens are spelt in GGUF files: as Python shows bytes, without {@code b} and the quotes. */
final class GgufEscapes {
    private static final String HEX = "0123456789abcdef";

    private GgufEscapes() {
    }

    static String escape(byte[] token) {
        boolean quoted = contains(token, '\'') && contains(token, '"');
        StringBuilder text = new StringBuilder();
        for (byte b : token) {
            switch (b) {
                case '\\' -> text.append("\\\\");
                case '\t' -> text.append("\\t");
                case '\n' -> text.append("\\n");
                case '\r' -> text.append("\\r");
                case '\'' -> text.append(quoted ? "\\'" : "'");
                default -> {
                    if (b >= 0x20 && b < 0x7F) {
                        text.append((char) b);
                    } else {
                        text.append("\\x").append(HEX.charAt(b >> 4 & 15)).append(HEX.charAt(b & 15));
                    }
                }
            }
        }
        return text.toString();
    }

    static byte[] unescape(String text) throws VocabularyException {
        int backslash = text.indexOf('\\');
        if (backslash < 0) {
            return text.getBytes(StandardCharsets.UTF_8);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int done = 0;
        while (backslash >= 0) {
            bytes.writeBytes(text.substring(done, backslash).getBytes(StandardCharsets.UTF_8));
            if (backslash + 1 == text.length()) {
                throw new VocabularyException("it ends within an escape sequence");
            }
            done = backslash + 2;
            switch (text.charAt(backslash + 1)) {
                case 't' -> bytes.write('\t');
                case 'n' -> bytes.write('\n');
                case 'r' -> bytes.write('\r');
                case 'x' -> {
                    bytes.write(hex(text, done, 2));
                    done += 2;
                }
                default -> done--; // The character stands for itself, and a backslash must not begin an escape now.
            }
            backslash = text.indexOf('\\', Math.max(done, backslash + 2));
        }
        bytes.writeBytes(text.substring(done).getBytes(StandardCharsets.UTF_8));
        return bytes.toByteArray();
    }

    /** The value of the hexadecimal digits that have to stand at a position. */
    static int hex(String text, int from, int digits) throws VocabularyException {
        int value = 0;
        for (int i = from; i < from + digits; i++) {
            int digit = i < text.length() && text.charAt(i) < 0x80 ? Character.digit(text.charAt(i), 16) : -1;
            if (digit < 0) {
                throw new VocabularyException(
                        "an escape sequence is not followed by " + digits + " hexadecimal digits");
            }
            value = value << 4 | digit;
        }
        return value;
    }

    private static boolean contains(byte[] token, char wanted) {
        for (byte b : token) {
            if (b == wanted) {
                return true;
            }
        }
        return false;
    }
}
