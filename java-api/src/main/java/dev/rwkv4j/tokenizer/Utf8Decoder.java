package dev.rwkv4j.tokenizer;

/**
 * Decodes UTF-8 that comes in pieces, for example the bytes of one token after the other: a character is passed on when its
 * last byte has come.
 *
 * <p>Bytes that are not valid become U+FFFD as soon as that is certain, one for each maximal part of a character (as Unicode
 * recommends and web browsers do it): E4 B8 followed by a letter is one U+FFFD and the letter. Not for use by several
 * threads at once.
 */
public final class Utf8Decoder {
    private static final char REPLACEMENT = '\uFFFD';

    /** How many bytes the character that has begun still needs; 0 between characters. */
    private int missing;
    private int codePoint;
    /** Between what the next byte must lie: narrower than 80 to BF after some first bytes. */
    private int lowest;
    private int highest;

    /** Makes a decoder that is between two characters. */
    public Utf8Decoder() {
    }

    /**
     * Decodes a piece.
     *
     * @param bytes the bytes that follow those of the last call
     * @param text receives the characters that are complete now
     */
    public void decode(byte[] bytes, StringBuilder text) {
        for (byte b : bytes) {
            int value = Byte.toUnsignedInt(b);
            if (missing > 0 && (value < lowest || value > highest)) {
                finish(text);
            }
            if (missing == 0) {
                begin(value, text);
            } else {
                proceed(value, text);
            }
        }
    }

    /**
     * Ends the text: the beginning of a character that was not completed becomes U+FFFD. The decoder is between two
     * characters then and may be used for another text.
     *
     * @param text receives the U+FFFD
     */
    public void finish(StringBuilder text) {
        if (missing > 0) {
            text.append(REPLACEMENT);
            missing = 0;
        }
    }

    /** {@return whether a character has begun whose last byte has not come} */
    public boolean isIncomplete() {
        return missing > 0;
    }

    private void begin(int value, StringBuilder text) {
        if (value < 0x80) {
            text.append((char) value);
        } else if (value >= 0xC2 && value <= 0xDF) {
            expect(1, value & 0x1F, 0x80, 0xBF);
        } else if (value >= 0xE0 && value <= 0xEF) {
            expect(2, value & 0x0F, value == 0xE0 ? 0xA0 : 0x80, value == 0xED ? 0x9F : 0xBF);
        } else if (value >= 0xF0 && value <= 0xF4) {
            expect(3, value & 0x07, value == 0xF0 ? 0x90 : 0x80, value == 0xF4 ? 0x8F : 0xBF);
        } else {
            text.append(REPLACEMENT);
        }
    }

    private void expect(int bytes, int bits, int from, int to) {
        missing = bytes;
        codePoint = bits;
        lowest = from;
        highest = to;
    }

    private void proceed(int value, StringBuilder text) {
        expect(missing - 1, codePoint << 6 | value & 0x3F, 0x80, 0xBF);
        if (missing == 0) {
            text.appendCodePoint(codePoint);
        }
    }
}
