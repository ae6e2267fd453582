package dev.rwkv4j.tokenizer;

import java.util.Arrays;

/** The merges of a BPE: which pairs of tokens become one token, and which pair first. */
final class MergeTable {
    static final int NONE = -1;

    // The merges by rank.
    private final int[] left;
    private final int[] right;
    private final int[] merged;
    private int count;

    /** A hash table with open addressing: ranks, or NONE. Its length is a power of two. */
    private final int[] slots;

    MergeTable(int capacity) {
        left = new int[capacity];
        right = new int[capacity];
        merged = new int[capacity];
        slots = new int[2 * Integer.highestOneBit(Math.max(1, capacity)) * 2];
        Arrays.fill(slots, NONE);
    }

    /** Adds the merge of the next rank; returns false if the pair has one already. */
    boolean add(int first, int second, int result) {
        int slot = slot(first, second);
        if (slots[slot] != NONE) {
            return false;
        }
        left[count] = first;
        right[count] = second;
        merged[count] = result;
        slots[slot] = count++;
        return true;
    }

    /** The rank of the merge of two tokens, or {@link #NONE}. */
    int rank(int first, int second) {
        return slots[slot(first, second)];
    }

    int count() {
        return count;
    }

    int left(int rank) {
        return left[rank];
    }

    int right(int rank) {
        return right[rank];
    }

    int merged(int rank) {
        return merged[rank];
    }

    /** The slot where a pair stands or, if it is not there, would stand. */
    private int slot(int first, int second) {
        int hash = first * 0x9E3779B1 + second * 0x85EBCA77;
        int slot = (hash ^ hash >>> 15) & slots.length - 1;
        while (slots[slot] != NONE && (left[slots[slot]] != first || right[slots[slot]] != second)) {
            slot = slot + 1 & slots.length - 1;
        }
        return slot;
    }
}
