package dev.rwkv4j.tool;

import dev.rwkv4j.tool.cli.UsageException;
import java.util.Arrays;
import java.util.stream.Collectors;

/** Tokens as they are typed and printed: their ids, separated by commas or white space, possibly in brackets. */
final class TokenList {
    private TokenList() {
    }

    /** Reads ids. */
    static int[] parse(String text) throws UsageException {
        String bare = text.strip().replaceFirst("^\\[", "").replaceFirst("]$", "").strip();
        if (bare.isEmpty()) {
            return new int[0];
        }
        String[] words = bare.split("\\s*,\\s*|\\s+");
        int[] tokens = new int[words.length];
        for (int i = 0; i < words.length; i++) {
            tokens[i] = parseOne(words[i]);
        }
        return tokens;
    }

    private static int parseOne(String word) throws UsageException {
        try {
            return Integer.parseInt(word);
        } catch (NumberFormatException e) {
            throw new UsageException("\"" + word + "\" is no token, expected ids such as 33155,45,40213");
        }
    }

    static String format(int[] tokens) {
        return Arrays.stream(tokens).mapToObj(Integer::toString).collect(Collectors.joining(","));
    }
}
