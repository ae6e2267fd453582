package dev.rwkv4j.tool.demo;

import java.util.Optional;

/**
 * What the check of one or several stories found.
 *
 * @param sentences number of sentences, titles included
 * @param grammatical how many of them are sentences of the grammar, each taken by itself
 * @param stories number of stories
 * @param consistent how many of them the grammar could have told: every sentence in its place, all facts kept, an end
 * @param violation the first thing wrong, in words, if anything is
 */
public record StoryReport(int sentences, int grammatical, int stories, int consistent, Optional<String> violation) {
    /** The report on no story. */
    public static final StoryReport EMPTY = new StoryReport(0, 0, 0, 0, Optional.empty());

    /**
     * The report on these stories and then those of another report.
     *
     * @param next the other report
     * @return sums, and the first violation of the two
     */
    public StoryReport and(StoryReport next) {
        return new StoryReport(sentences + next.sentences, grammatical + next.grammatical, stories + next.stories,
                consistent + next.consistent, violation.or(next::violation));
    }

    /**
     * The figures in words, without the violation.
     *
     * @return one line
     */
    public String summary() {
        return "%d of %d sentences follow the grammar, %d of %d stories are consistent"
                .formatted(grammatical, sentences, consistent, stories);
    }
}
