package dev.rwkv4j.tokenizer;

import java.util.Arrays;

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

    /** The bytes that a token's spelling stands for; the same array where there is nothing to escape. */
    static byte[] unescape(byte[] spelling) throws VocabularyException {
        return hasEscapes(spelling) ? new Unescape(spelling).bytes() : spelling;
    }

    private static boolean hasEscapes(byte[] spelling) {
        for (byte b : spelling) {
            if (b == '\\') {
                return true;
            }
        }
        return false;
    }

    /** Goes through a spelling once. */
    private static final class Unescape {
        private final byte[] spelling;
        private int next;

        Unescape(byte[] spelling) {
            this.spelling = spelling;
        }

        byte[] bytes() throws VocabularyException {
            byte[] bytes = new byte[spelling.length];
            int length = 0;
            while (next < spelling.length) {
                byte b = spelling[next++];
                bytes[length++] = b == '\\' ? escaped() : b;
            }
            return Arrays.copyOf(bytes, length);
        }

        private byte escaped() throws VocabularyException {
            if (next == spelling.length) {
                throw new VocabularyException("it ends within an escape sequence");
            }
            byte b = spelling[next++];
            return switch (b) {
                case 't' -> '\t';
                case 'n' -> '\n';
                case 'r' -> '\r';
                case 'x' -> (byte) (digit() << 4 | digit());
                default -> b;
            };
        }

        private int digit() throws VocabularyException {
            int digit = next < spelling.length ? Character.digit(spelling[next++], 16) : -1;
            if (digit < 0) {
                throw new VocabularyException("an escape sequence is not followed by 2 hexadecimal digits");
            }
            return digit;
        }
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
