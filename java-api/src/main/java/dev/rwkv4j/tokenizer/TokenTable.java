package dev.rwkv4j.tokenizer;

import java.util.Arrays;

/**
 * The bytes and types of all tokens, in one array. Ids from {@code count} to {@code size} only pad a model's matrices and
 * stand for nothing.
 */
final class TokenTable {
    // Types of tokens as GGUF numbers them.
    static final int NORMAL = 1;
    static final int CONTROL = 3;
    static final int USER_DEFINED = 4;
    static final int UNUSED = 5;
    /** Others up to here occur in other models; their tokens stand for nothing. */
    static final int LAST_TYPE = 6;

    private final byte[] content;
    private final int[] ends;
    private final byte[] types;
    private final int size;

    private TokenTable(byte[] content, int[] ends, byte[] types, int size) {
        this.content = content;
        this.ends = ends;
        this.types = types;
        this.size = size;
    }

    /** Collects tokens in the order of their ids. */
    static final class Builder {
        private byte[] content = new byte[8 * 1024];
        private int length;
        private int[] ends = new int[1024];
        private byte[] types = new byte[1024];
        private int count;

        Builder add(int type, byte[] bytes) {
            if (count == ends.length) {
                ends = Arrays.copyOf(ends, 2 * count);
                types = Arrays.copyOf(types, 2 * count);
            }
            if (bytes.length > content.length - length) {
                content = Arrays.copyOf(content, Math.max(2 * content.length, length + bytes.length));
            }
            System.arraycopy(bytes, 0, content, length, bytes.length);
            length += bytes.length;
            ends[count] = length;
            types[count++] = (byte) type;
            return this;
        }

        int count() {
            return count;
        }

        TokenTable build() {
            return new TokenTable(Arrays.copyOf(content, length), Arrays.copyOf(ends, count),
                    Arrays.copyOf(types, count),
                    count);
        }
    }

    /** This table with padding up to a number of ids. */
    TokenTable withSize(int newSize) {
        if (newSize < ends.length) {
            throw new IllegalArgumentException(
                    "a vocabulary of " + ends.length + " tokens does not fit into " + newSize + " rows");
        }
        return new TokenTable(content, ends, types, newSize);
    }

    int size() {
        return size;
    }

    int type(int token) {
        return token < types.length ? types[token] : UNUSED;
    }

    /** The length of a token in bytes, whatever its type. */
    int length(int token) {
        return token < ends.length ? ends[token] - start(token) : 0;
    }

    byte byteAt(int token, int index) {
        return content[start(token) + index];
    }

    /** How many bytes at the beginning two tokens have in common. */
    int commonLength(int token, int other) {
        int limit = Math.min(length(token), length(other));
        int from = start(token);
        int otherFrom = start(other);
        int common = 0;
        while (common < limit && content[from + common] == content[otherFrom + common]) {
            common++;
        }
        return common;
    }

    /** What a token is spelt as, whatever its type. */
    byte[] spelling(int token) {
        return length(token) == 0 ? new byte[0] : Arrays.copyOfRange(content, start(token), ends[token]);
    }

    /** What a token stands for in a text. */
    byte[] text(int token) {
        if (token < 0 || token >= size) {
            throw new IllegalArgumentException("token " + token + " is not in 0 to " + (size - 1));
        }
        int type = type(token);
        return type == NORMAL || type == USER_DEFINED ? spelling(token) : new byte[0];
    }

    /** The tokens of a type that a text can have; never 0, which ends a text. */
    int[] ofType(int type) {
        return ofType(type, 1);
    }

    /** The tokens that are no text: 0 and others, by which files are structured. */
    int[] special() {
        return ofType(CONTROL, 0);
    }

    private int[] ofType(int type, int first) {
        int[] found = new int[ends.length];
        int count = 0;
        for (int token = first; token < ends.length; token++) {
            if (types[token] == type && length(token) > 0) {
                found[count++] = token;
            }
        }
        return Arrays.copyOf(found, count);
    }

    private int start(int token) {
        return token == 0 ? 0 : ends[token - 1];
    }
}
