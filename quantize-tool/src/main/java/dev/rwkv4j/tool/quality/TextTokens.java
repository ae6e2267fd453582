package dev.rwkv4j.tool.quality;

import dev.rwkv4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * The tokens of a text of any length, one after the other, in constant memory: those that the whole text has.
 *
 * <p>The text is read in pieces. Of a piece that part is encoded which is {@linkplain Tokenizer#settledLength settled};
 * the rest is kept, to begin the next piece. Where nothing of a whole piece is settled, which takes 64 kB without any white
 * space and a tokenizer of words, it is cut between two characters.
 */
public final class TextTokens implements AutoCloseable {
    /** What {@link #next} returns after the last token. */
    public static final int END = -1;

    private static final int PIECE_BYTES = 1 << 16;

    private final InputStream in;
    private final Tokenizer tokenizer;
    private byte[] rest = {};
    private boolean ended;
    private int[] tokens = {};
    private int used;

    /**
     * Begins to read.
     *
     * @param in the text, normally UTF-8; closed with this
     * @param tokenizer by which it is encoded
     */
    public TextTokens(InputStream in, Tokenizer tokenizer) {
        this.in = in;
        this.tokenizer = tokenizer;
    }

    /**
     * Reads one token.
     *
     * @return its id, or {@link #END}
     * @throws IOException if the text cannot be read
     * @throws IllegalArgumentException if an incomplete vocabulary has no token for a byte of the text
     */
    public int next() throws IOException {
        while (used == tokens.length && !ended) {
            readPiece();
        }
        return used < tokens.length ? tokens[used++] : END;
    }

    private void readPiece() throws IOException {
        byte[] piece = Arrays.copyOf(rest, PIECE_BYTES);
        int length = rest.length + in.readNBytes(piece, rest.length, PIECE_BYTES - rest.length);
        ended = length < PIECE_BYTES;
        int encoded = ended ? length : settledLength(piece);
        tokens = tokenizer.encode(Arrays.copyOf(piece, encoded));
        used = 0;
        rest = Arrays.copyOfRange(piece, encoded, length);
    }

    private int settledLength(byte[] piece) {
        int settled = tokenizer.settledLength(piece);
        if (settled > 0) {
            return settled;
        }
        int end = piece.length - 1;
        while (end > piece.length - 4 && isContinuation(piece[end])) {
            end--;
        }
        return end;
    }

    /** Whether a byte of UTF-8 is not the first one of a character. */
    private static boolean isContinuation(byte b) {
        return (b & 0xC0) == 0x80;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
