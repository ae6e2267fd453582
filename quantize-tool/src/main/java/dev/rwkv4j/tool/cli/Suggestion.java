package dev.rwkv4j.tool.cli;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** Guesses which word was meant. */
public final class Suggestion {
    private Suggestion() {
    }

    /**
     * The known word that is nearest to a mistyped one; of several, the one that begins most like it.
     *
     * @return nothing if none is near: more than a third of its letters would have to change
     */
    public static Optional<String> of(String typed, Collection<String> known) {
        return known.stream()
                .filter(word -> edits(typed, word) <= Math.max(1, word.length() / 3))
                .min(Comparator.comparingInt((String word) -> edits(typed, word))
                        .thenComparingInt(word -> -commonPrefix(typed, word)));
    }

    private static int commonPrefix(String a, String b) {
        int length = Math.min(a.length(), b.length());
        int difference = Arrays.mismatch(a.toCharArray(), 0, length, b.toCharArray(), 0, length);
        return difference < 0 ? length : difference;
    }

    /** Letters inserted, deleted, replaced, or swapped with their neighbour. */
    static int edits(String from, String to) {
        int[][] table = new int[from.length() + 1][to.length() + 1];
        for (int i = 0; i <= from.length(); i++) {
            for (int j = 0; j <= to.length(); j++) {
                table[i][j] = i == 0 || j == 0 ? i + j : cheapest(table, from, to, i, j);
            }
        }
        return table[from.length()][to.length()];
    }

    private static int cheapest(int[][] table, String from, String to, int i, int j) {
        boolean same = from.charAt(i - 1) == to.charAt(j - 1);
        int best = Math.min(table[i - 1][j - 1] + (same ? 0 : 1), Math.min(table[i - 1][j], table[i][j - 1]) + 1);
        boolean swapped = i > 1 && j > 1 && from.charAt(i - 1) == to.charAt(j - 2)
                && from.charAt(i - 2) == to.charAt(j - 1);
        return swapped ? Math.min(best, table[i - 2][j - 2] + 1) : best;
    }
}
