package dev.rwkv4j.tokenizer;

import java.util.Arrays;

/**
 * Finds the longest token that a byte string begins with.
 *
 * <p>A trie whose nodes are numbered as they were made; the root is 0. The child that a node has for a byte is found by a
 * hash table with open addressing: its slots hold numbers of nodes, and a node knows its parent and its byte. The 116,079
 * nodes of the World vocabulary take about 2 MB.
 *
 * <p>Vocabularies are sorted, as a rule. So a token is added from where it parts from the one before it, and most of its
 * bytes need not be looked up. The order makes no difference but in time.
 */
final class ByteTrie {
    static final int NONE = -1;
    static final int MAX_TOKENS = 1 << 22;

    private final byte[] label;
    private final int[] parent;
    private final int[] token;
    /** The root is nobody's child, so 0 is an empty slot. */
    private final int[] slots;
    private final int depth;

    private ByteTrie(Builder builder) {
        this.label = Arrays.copyOf(builder.label, builder.nodes);
        this.parent = Arrays.copyOf(builder.parent, builder.nodes);
        this.token = Arrays.copyOf(builder.token, builder.nodes);
        this.slots = builder.slots;
        this.depth = builder.path.length - 1;
    }

    /**
     * Builds the trie of some tokens of a vocabulary.
     *
     * @param ids the tokens, below {@link #MAX_TOKENS}
     * @throws VocabularyException if two have the same bytes
     */
    static ByteTrie build(TokenTable tokens, int[] ids) throws VocabularyException {
        return new Builder(tokens, ids).build();
    }

    /** The length of the longest token in bytes; 0 if there are none. */
    int depth() {
        return depth;
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
        int child = slots[slot(slots, parent, label, node, next)];
        return child == 0 ? NONE : child;
    }

    /** Where a node's child for a byte is, or would be. */
    private static int slot(int[] slots, int[] parent, byte[] label, int node, byte next) {
        int mask = slots.length - 1;
        int slot = hash(node, next) & mask;
        for (int child = slots[slot]; child != 0
                && (parent[child] != node || label[child] != next); child = slots[slot]) {
            slot = slot + 1 & mask;
        }
        return slot;
    }

    /** Multiplied by 2^32 divided by the golden ratio, numbers in a row lie far apart, as their upper bits say. */
    private static int hash(int node, byte next) {
        int product = (node << Byte.SIZE ^ Byte.toUnsignedInt(next)) * 0x9E3779B9;
        return product ^ product >>> 15;
    }

    private static final class Builder {
        private static final int INITIAL_NODES = 1024;

        private final TokenTable tokens;
        private final int[] ids;
        /** The nodes that the token which was added last goes through, from the root on. */
        private final int[] path;
        private byte[] label = new byte[INITIAL_NODES];
        private int[] parent = new int[INITIAL_NODES];
        private int[] token = new int[INITIAL_NODES];
        private int[] slots = new int[2 * INITIAL_NODES];
        private int nodes = 1;

        Builder(TokenTable tokens, int[] ids) {
            this.tokens = tokens;
            this.ids = ids;
            int longest = 0;
            for (int id : ids) {
                longest = Math.max(longest, tokens.length(id));
            }
            this.path = new int[longest + 1];
            token[0] = NONE;
        }

        ByteTrie build() throws VocabularyException {
            for (int i = 0; i < ids.length; i++) {
                add(ids[i], i == 0 ? 0 : tokens.commonLength(ids[i - 1], ids[i]));
            }
            return new ByteTrie(this);
        }

        private void add(int id, int known) throws VocabularyException {
            int length = tokens.length(id);
            int node = path[known];
            for (int i = known; i < length; i++) {
                node = childOrNew(node, tokens.byteAt(id, i));
                path[i + 1] = node;
            }
            if (token[node] != NONE) {
                throw new VocabularyException("token " + id + " has the same bytes as token " + token[node]);
            }
            token[node] = id;
        }

        private int childOrNew(int node, byte next) {
            int slot = slot(slots, parent, label, node, next);
            if (slots[slot] != 0) {
                return slots[slot];
            }
            if (nodes == label.length) {
                grow();
                slot = slot(slots, parent, label, node, next);
            }
            label[nodes] = next;
            parent[nodes] = node;
            token[nodes] = NONE;
            slots[slot] = nodes;
            return nodes++;
        }

        private void grow() {
            int capacity = 2 * nodes;
            label = Arrays.copyOf(label, capacity);
            parent = Arrays.copyOf(parent, capacity);
            token = Arrays.copyOf(token, capacity);
            slots = new int[2 * capacity];
            for (int node = 1; node < nodes; node++) {
                slots[slot(slots, parent, label, parent[node], label[node])] = node;
            }
        }
    }
}
