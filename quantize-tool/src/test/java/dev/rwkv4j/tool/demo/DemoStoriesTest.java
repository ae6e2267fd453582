package dev.rwkv4j.tool.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.Gson;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.Sampling;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo model in the engine: a trained model, whose answers are known and whose stories a program can check. */
class DemoStoriesTest {
    @TempDir
    private static Path folder;

    private static RwkvModel model;

    @BeforeAll
    static void load() throws IOException {
        Path file = folder.resolve("rwkv4j-demo.gguf");
        try (InputStream resource = DemoModel.class.getResourceAsStream("rwkv4j-demo.gguf")) {
            Files.copy(resource, file);
        }
        model = RwkvModel.load(file);
    }

    @AfterAll
    static void close() {
        model.close();
    }

    @Test
    void logitsAndGreedyStoriesAreThoseOfTheReferenceInDoublePrecision() throws IOException {
        for (Expected expected : expected()) {
            try (RwkvSession session = model.newSession()) {
                session.feed(expected.tokens);
                float[] logits = session.logits();
                for (int i = 0; i < expected.top_tokens.length; i++) {
                    assertThat((double) logits[expected.top_tokens[i]])
                            .isCloseTo(expected.top_logits[i], within(1e-5 * expected.largest_logit));
                }
                String told = model.tokenizer().orElseThrow().decode(expected.greedy);
                StringBuilder text = new StringBuilder();
                session.generate(Sampling.greedy().withMaxTokens(expected.greedy.length), text::append);
                assertThat(text).hasToString(told);
            }
        }
    }

    /** Of a hundred stories three quarters are consistent, and 99 of 100 sentences are right. */
    @Test
    void storiesFollowTheGrammar() throws IOException {
        StoryGrammar grammar = DemoModel.grammar();
        StoryReport report = StoryReport.EMPTY;
        for (int seed = 1; seed <= 30; seed++) {
            try (RwkvSession session = model.newSession()) {
                session.feed(model.tokenizer().orElseThrow().endOfText());
                StringBuilder story = new StringBuilder();
                session.generate(Sampling.greedy().withTemperature(1).withTopP(0.5).withMaxTokens(1000).withSeed(seed),
                        story::append);
                report = report.and(grammar.check(story.toString()));
            }
        }
        assertThat(report.grammatical()).as(report.summary()).isGreaterThan(report.sentences() * 97 / 100);
        assertThat(report.consistent()).as(report.summary()).isGreaterThan(report.stories() / 2);
    }

    private static Iterable<Expected> expected() throws IOException {
        try (InputStream json = DemoStoriesTest.class.getResourceAsStream("expected.json")) {
            return Arrays.asList(
                    new Gson().fromJson(new InputStreamReader(json, StandardCharsets.UTF_8), Expected[].class));
        }
    }

    /** What {@code evaluate.py expected} writes, by its names. */
    private record Expected(int[] tokens, int[] top_tokens, double[] top_logits, double largest_logit, int[] greedy) {
    }
}
