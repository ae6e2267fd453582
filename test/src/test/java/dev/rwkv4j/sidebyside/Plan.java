package dev.rwkv4j.sidebyside;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What a process measures.
 *
 * @param threads that compute
 * @param promptTokens tokens of the prompt
 * @param decodeTokens tokens that are decoded after it
 * @param repetitions how often, in the process
 */
record Plan(int threads, int promptTokens, int decodeTokens, int repetitions) {
    /** From a command line that {@link #words} has made. */
    static Plan of(String[] words, int begin) {
        int[] numbers = IntStream.range(begin, words.length).map(i -> Integer.parseInt(words[i])).toArray();
        return new Plan(numbers[0], numbers[1], numbers[2], numbers[3]);
    }

    List<String> words() {
        return Stream.of(threads, promptTokens, decodeTokens, repetitions).map(String::valueOf).toList();
    }
}
