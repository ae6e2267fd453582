package dev.rwkv4j.tokenizer;

import java.util.Arrays;
import java.util.PriorityQueue;

/**
 * Encodes one word: begins with its bytes and merges neighbours, always the pair of the lowest rank, the leftmost first. The
 * pairs that can be merged wait in a queue, so that a word of n bytes takes time in proportion to n log n.
 *
 * <p>Used for one word after the other, by one thread.
 */
final class BytePairEncoder {
    private static final int END = -1;
    /** Stands where a token was merged into the one on its left. */
    private static final int MERGED = -1;

    private final MergeTable merges;
    private final int[] byteTokens;

    // The tokens of the word, each where its first byte is, in a doubly linked list.
    private int[] token = new int[0];
    private int[] next = new int[0];
    private int[] previous = new int[0];

    /** Pairs as rank and position of the left token, in one number that orders them. */
    private final PriorityQueue<Long> candidates = new PriorityQueue<>();

    /**
     * @param byteTokens the token of each single byte
     */
    BytePairEncoder(MergeTable merges, int[] byteTokens) {
        this.merges = merges;
        this.byteTokens = byteTokens;
    }

    void encode(byte[] word, TokenList encoded) {
        start(word);
        while (!candidates.isEmpty()) {
            long candidate = candidates.remove();
            merge((int) (candidate >>> Integer.SIZE), (int) candidate);
        }
        for (int i = 0; i != END && i < word.length; i = next[i]) {
            encoded.add(token[i]);
        }
    }

    private void start(byte[] word) {
        if (word.length > token.length) {
            int capacity = Math.max(word.length, 2 * token.length);
            token = Arrays.copyOf(token, capacity);
            next = Arrays.copyOf(next, capacity);
            previous = Arrays.copyOf(previous, capacity);
        }
        for (int i = 0; i < word.length; i++) {
            token[i] = byteTokens[Byte.toUnsignedInt(word[i])];
            next[i] = i + 1 < word.length ? i + 1 : END;
            previous[i] = i - 1;
        }
        for (int i = 0; i + 1 < word.length; i++) {
            offer(i);
        }
    }

    private void offer(int position) {
        int rank = merges.rank(token[position], token[next[position]]);
        if (rank != MergeTable.NONE) {
            candidates.add((long) rank << Integer.SIZE | position);
        }
    }

    private void merge(int rank, int position) {
        int second = next[position];
        boolean stale = token[position] == MERGED || second == END
                || merges.rank(token[position], token[second]) != rank;
        if (stale) {
            return;
        }
        token[position] = merges.merged(rank);
        token[second] = MERGED;
        next[position] = next[second];
        if (next[position] != END) {
            previous[next[position]] = position;
            offer(position);
        }
        if (previous[position] != END) {
            offer(previous[position]);
        }
    }
}
