package dev.rwkv4j.tokenizer;

import java.util.Arrays;

/**
 * Finds the longest token that a byte string begins with.
 *
 * <p>A trie in three arrays. Nodes are numbered level by level, the root is 0, and the children of a node are numbered in a
 * row, in the order of their bytes: those of node i begin at {@code firstChild[i]} and end before {@code firstChild[i + 1]}.
 * The 116,079 nodes of the World vocabulary thus take about 1 MB. A level's nodes come from sorting each parent's tokens by
 * their next byte, so that building takes time in proportion to the bytes of all tokens.
 */
final class ByteTrie {
    static final int NONE = -1;

    /** Sorting keys hold a byte (or the end of the token) above, the token below these bits. */
    private static final int TOKEN_BITS = 22;
    static final int MAX_TOKENS = 1 << TOKEN_BITS;

    private final byte[] label;
    private final int[] firstChild;
    private final int[] token;

    private ByteTrie(byte[] label, int[] firstChild, int[] token) {
        this.label = label;
        this.firstChild = firstChild;
        this.token = token;
    }

    /**
     * Builds the trie of some tokens of a vocabulary.
     *
     * @param ids the tokens, below {@link #MAX_TOKENS}; reordered
     * @throws VocabularyException if two have the same bytes
     */
    static ByteTrie build(TokenTable tokens, int[] ids) throws VocabularyException {
        return new Builder(tokens, ids).build();
    }

    /** The token that is exactly these bytes, or {@link #NONE}. */
    int find(byte[] bytes, int from, int to) {
        int node = 0;
        for (int i = from; i < to && node != NONE; i++) {
            node = child(node, bytes[i]);
        }
        return node == NONE ? NONE : token[node];
    }

    /** The longest token that the bytes from a position on begin with, or {@link #NONE}. */
    int longest(byte[] bytes, int from, int to) {
        int found = NONE;
        int node = 0;
        for (int i = from; i < to; i++) {
            node = child(node, bytes[i]);
            if (node == NONE) {
                break;
            }
            if (token[node] != NONE) {
                found = token[node];
            }
        }
        return found;
    }

    private int child(int node, byte next) {
        int low = firstChild[node];
        int high = firstChild[node + 1] - 1;
        int wanted = Byte.toUnsignedInt(next);
        while (low <= high) {
            int middle = (low + high) >>> 1;
            int value = Byte.toUnsignedInt(label[middle]);
            if (value == wanted) {
                return middle;
            }
            if (value < wanted) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return NONE;
    }

    private static final class Builder {
        private final TokenTable tokens;
        private final int[] order;
        private byte[] label = new byte[1024];
        private int[] firstChild = new int[1024];
        private int[] token = new int[1024];
        /** Which part of {@code order} begins with the bytes that lead to a node. */
        private int[] begin = new int[1024];
        private int[] end = new int[1024];
        private int nodes;

        Builder(TokenTable tokens, int[] ids) {
            this.tokens = tokens;
            this.order = ids;
        }

        ByteTrie build() throws VocabularyException {
            add((byte) 0, 0, order.length);
            int levelEnd = 1;
            for (int node = 0, depth = 0; node < nodes; depth++, levelEnd = nodes) {
                for (; node < levelEnd; node++) {
                    expand(node, depth);
                }
            }
            int[] firstChildren = Arrays.copyOf(firstChild, nodes + 1);
            firstChildren[nodes] = nodes;
            return new ByteTrie(Arrays.copyOf(label, nodes), firstChildren, Arrays.copyOf(token, nodes));
        }

        private void expand(int node, int depth) throws VocabularyException {
            int from = begin[node];
            int to = end[node];
            sort(from, to, depth);
            firstChild[node] = nodes;
            token[node] = NONE;
            if (from < to && tokens.length(order[from]) == depth) {
                token[node] = order[from++];
                if (from < to && tokens.length(order[from]) == depth) {
                    throw new VocabularyException(
                            "token " + order[from] + " has the same bytes as token " + token[node]);
                }
            }
            while (from < to) {
                byte next = tokens.byteAt(order[from], depth);
                int groupEnd = from + 1;
                while (groupEnd < to && tokens.byteAt(order[groupEnd], depth) == next) {
                    groupEnd++;
                }
                add(next, from, groupEnd);
                from = groupEnd;
            }
        }

        /** Sorts tokens that agree before {@code depth} by their byte there; one that ends there comes first. */
        private void sort(int from, int to, int depth) {
            for (int i = from; i < to; i++) {
                int id = order[i];
                int key = tokens.length(id) == depth ? 0 : 1 + Byte.toUnsignedInt(tokens.byteAt(id, depth));
                order[i] = key << TOKEN_BITS | id;
            }
            Arrays.sort(order, from, to);
            for (int i = from; i < to; i++) {
                order[i] &= MAX_TOKENS - 1;
            }
        }

        private void add(byte next, int from, int to) {
            if (nodes == label.length) {
                int capacity = 2 * nodes;
                label = Arrays.copyOf(label, capacity);
                firstChild = Arrays.copyOf(firstChild, capacity);
                token = Arrays.copyOf(token, capacity);
                begin = Arrays.copyOf(begin, capacity);
                end = Arrays.copyOf(end, capacity);
            }
            label[nodes] = next;
            begin[nodes] = from;
            end[nodes] = to;
            nodes++;
        }
    }
}
