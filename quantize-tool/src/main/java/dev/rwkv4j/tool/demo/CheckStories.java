package dev.rwkv4j.tool.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Command that checks a file of stories: {@code CheckStories GRAMMAR STORIES}. */
public final class CheckStories {
    private CheckStories() {
    }

    /**
     * Prints the first violation of each story that has one, then the figures of all stories.
     *
     * @param arguments the grammar file and a file of stories with a line {@code ---} between them
     * @throws IOException if one of them cannot be read
     */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 2) {
            throw new IllegalArgumentException("expected GRAMMAR STORIES");
        }
        StoryGrammar grammar = StoryGrammar.read(Path.of(arguments[0]));
        StoryReport sum = StoryReport.EMPTY;
        for (String story : Files.readString(Path.of(arguments[1])).split("\n---\n")) {
            StoryReport report = grammar.check(story);
            sum = sum.and(report);
            int number = sum.stories();
            report.violation().ifPresent(violation -> System.out.println("story " + number + ": " + violation));
        }
        System.out.println(sum.summary());
    }
}
