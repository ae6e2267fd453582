package dev.rwkv4j.tokenizer;

import java.util.Arrays;

/**
 * How byte-level BPE spells bytes, one visible character for each: 21–7E, A1–AC, AE–FF are the characters with these numbers
 * (as in Latin-1), the other 68 bytes in ascending order U+0100, U+0101, … So a space is {@code Ġ}, a newline {@code Ċ}.
 */
final class ByteAlphabet {
    private static final char[] CHARACTERS = characters();
    private static final short[] BYTES = bytes();

    private ByteAlphabet() {
    }

    static String encode(byte[] bytes) {
        StringBuilder spelling = new StringBuilder(bytes.length);
        for (byte b : bytes) {
            spelling.append(CHARACTERS[Byte.toUnsignedInt(b)]);
        }
        return spelling.toString();
    }

    static byte[] decode(String spelling) throws VocabularyException {
        byte[] bytes = new byte[spelling.length()];
        for (int i = 0; i < bytes.length; i++) {
            char c = spelling.charAt(i);
            if (c >= BYTES.length || BYTES[c] < 0) {
                throw new VocabularyException("the character U+" + String.format("%04X", (int) c)
                        + " does not belong to the alphabet for bytes");
            }
            bytes[i] = (byte) BYTES[c];
        }
        return bytes;
    }

    private static char[] characters() {
        char[] characters = new char[256];
        char next = 0x100;
        for (char b = 0; b < characters.length; b++) {
            boolean visible = b >= 0x21 && b <= 0x7E || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
            characters[b] = visible ? b : next++;
        }
        return characters;
    }

    private static short[] bytes() {
        short[] bytes = new short[0x100 + 68];
        Arrays.fill(bytes, (short) -1);
        for (int b = 0; b < CHARACTERS.length; b++) {
            bytes[CHARACTERS[b]] = (short) b;
        }
        return bytes;
    }
}
