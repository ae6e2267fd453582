package dev.rwkv4j.tokenizer;

import dev.rwkv4j.gguf.GgufWriter;
import java.nio.charset.StandardCharsets;

/** The tokenizer of models without a vocabulary: 256 tokens, each the byte of its value. So a byte 0 ends a text. */
public final class ByteTokenizer implements Tokenizer {
    /** What a GGUF file calls the lack of a vocabulary. */
    static final String MODEL = "none";
    static final int SIZE = 256;

    /** Makes the tokenizer. */
    public ByteTokenizer() {
    }

    @Override
    public int[] encode(String text) {
        return encode(text.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public int[] encode(byte[] bytes) {
        int[] encoded = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            encoded[i] = Byte.toUnsignedInt(bytes[i]);
        }
        return encoded;
    }

    @Override
    public int settledLength(byte[] beginning) {
        return beginning.length;
    }

    @Override
    public byte[] bytes(int token) {
        if (token < 0 || token >= SIZE) {
            throw new IllegalArgumentException("token " + token + " is not in 0 to " + (SIZE - 1));
        }
        return new byte[]{(byte) token};
    }

    @Override
    public int size() {
        return SIZE;
    }

    @Override
    public String name() {
        return "bytes";
    }

    @Override
    public ByteTokenizer withSize(int size) {
        if (size != SIZE) {
            throw new IllegalArgumentException("a model of bytes has " + SIZE + " rows, not " + size);
        }
        return this;
    }

    @Override
    public void writeTo(GgufWriter writer) {
        writer.putString(TokenizerKeys.MODEL, MODEL);
    }
}
