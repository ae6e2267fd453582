package dev.rwkv4j.tool.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class StoryGrammarTest {
    private static final StoryGrammar GRAMMAR = grammar();

    /** One sentence a line, so that the number of a line is the number of the sentence; the title is line 0. */
    private static final List<String> STORY = """
            Greta and the green key
            Under the stone bridge there once lived a mouse whose name was Greta.
            Greta had a green key to open the garden gate.
            But one summer day the river rose and flooded the house, and the key was gone.
            The poor mouse searched all day and found nothing.
            Her neighbour Hugo, a kind beaver, heard of it.
            "I saw something green by the quiet lake," said Hugo.
            "If I find it, I will mend the old fence for you," said Greta.
            At once the mouse set out for the quiet lake.
            And there was the green key, because the river had washed it there.
            Greta danced for joy and ran back to tell Hugo.
            Greta kept her word and mended the old fence for Hugo.
            From that day on Greta kept everything dear on the highest shelf.
            And that is the story of Greta the mouse.""".lines().toList();

    private static StoryGrammar grammar() {
        try {
            return DemoModel.grammar();
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    private static String told(List<String> lines) {
        return lines.getFirst() + "\n\n" + String.join(" ", lines.subList(1, lines.size()));
    }

    /** Two stories of each plot, written by the generator that the model learned from. */
    static Stream<String> generatedStories() throws IOException {
        try (InputStream stories = StoryGrammarTest.class.getResourceAsStream("stories.txt")) {
            return Stream.of(new String(stories.readAllBytes(), StandardCharsets.UTF_8).split("\n---\n"));
        }
    }

    @ParameterizedTest
    @MethodSource("generatedStories")
    void acceptsWhatTheGeneratorTells(String story) {
        StoryReport report = GRAMMAR.check(story);

        assertThat(report.violation()).isEmpty();
        assertThat(report.consistent()).isOne();
        assertThat(report.sentences()).isBetween(10, 16);
        assertThat(report.grammatical()).isEqualTo(report.sentences());
    }

    @Test
    void acceptsAStoryWithAndWithoutItsTitleAndItsOptionalSentences() {
        assertThat(GRAMMAR.check(told(STORY)).violation()).isEmpty();
        assertThat(GRAMMAR.check(told(STORY)).sentences()).isEqualTo(STORY.size());
        assertThat(GRAMMAR.check(String.join(" ", STORY.subList(1, STORY.size()))).consistent()).isOne();
        assertThat(GRAMMAR.check(told(STORY.subList(0, 13))).consistent()).isOne();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            # sentence | instead of | it says  | what is said to be wrong
            0  | Greta and    | Hugo and    | sentence 1 says "Greta" of the hero, which was "Hugo" in the title
            0  | green        | red         | sentence 2 says "green" of the colour, which was "red" in the title
            5  | Her          | His         | sentence 5 says "His" of the hero, which was "Greta" in the title
            4  | mouse        | fox         | sentence 4 says "fox" of the kind, which was "mouse" in sentence 1
            5  | Hugo         | Greta       | sentence 5 says "Greta" of the friend, which is the hero since the title
            5  | beaver       | mouse       | sentence 5 says "mouse" of the other, which is the kind since sentence 1
            6  | green        | blue        | sentence 6 says "blue" of the colour, which was "green" in the title
            6  | by the quiet lake | under the stone bridge \
            | sentence 6 says "under the stone bridge" of the place, which is the home since sentence 1
            8  | the quiet lake | the old mill | sentence 8 says "the old mill" of the place, \
            which was "by the quiet lake" in sentence 6
            9  | key          | kite        | sentence 9 says "kite" of the thing, which was "key" in the title
            9  | the river had washed it there | the puppy had buried it there \
            | sentence 9 says "the puppy had buried it there" of the loss, \
            which was "the river rose and flooded the house" in sentence 3
            10 | Hugo         | Rosa        | sentence 10 says "Rosa" of the friend, which was "Hugo" in sentence 5
            11 | mended the old fence | baked a honey cake | sentence 11 says "baked a honey cake" of the promise, \
            which was "mend the old fence" in sentence 7
            12 | kept everything dear on the highest shelf | sewed up every hole before going out \
            | sentence 12 says "sewed up every hole before going out" of the loss, which was \
            "the river rose and flooded the house" in sentence 3
            13 | mouse        | goose       | sentence 13 says "goose" of the kind, which was "mouse" in sentence 1
            """)
    void namesTheFactThatIsNotKept(int sentence, String before, String after, String violation) {
        List<String> broken = new ArrayList<>(STORY);
        broken.set(sentence, broken.get(sentence).replace(before, after));
        assertThat(broken).isNotEqualTo(STORY);

        StoryReport report = GRAMMAR.check(told(broken));

        assertThat(report.violation()).contains(violation);
        assertThat(report.consistent()).isZero();
        assertThat(report.grammatical()).as("by itself the sentence is fine").isEqualTo(STORY.size());
    }

    @Test
    void tellsASentenceThatIsNotOfTheGrammarFromOneInTheWrongPlace() {
        List<String> broken = new ArrayList<>(STORY);
        broken.set(8, "At once the mouse flew to the moon.");
        StoryReport report = GRAMMAR.check(told(broken));
        assertThat(report.violation())
                .contains("sentence 8 does not follow the grammar: At once the mouse flew to the moon.");
        assertThat(report.grammatical()).isEqualTo(STORY.size() - 1);

        List<String> incomplete = new ArrayList<>(STORY);
        incomplete.remove(9);
        report = GRAMMAR.check(told(incomplete));
        assertThat(report.violation())
                .contains("sentence 9 does not belong there: Greta danced for joy and ran back to tell Hugo.");
        assertThat(report.grammatical()).isEqualTo(report.sentences());
    }

    @Test
    void missesAnEndingAndRefusesMoreAfterIt() {
        assertThat(GRAMMAR.check(told(STORY.subList(0, 12))).violation())
                .contains("the story has no ending: it stops after sentence 11");
        assertThat(GRAMMAR.check("").violation()).isPresent();
        assertThat(GRAMMAR.check(told(STORY) + " The end.").violation())
                .contains("sentence 14 does not follow the grammar: The end.");
    }

    @Test
    void namesTheStoryOfTheFirstViolationAndAddsUp() {
        StoryReport report = GRAMMAR.check(List.of(told(STORY), told(STORY.subList(0, 12)), "Nonsense."));

        assertThat(report).isEqualTo(new StoryReport(14 + 12 + 1, 14 + 12, 3, 1,
                Optional.of("story 2: the story has no ending: it stops after sentence 11")));
        assertThat(report.summary()).isEqualTo("26 of 27 sentences follow the grammar, 1 of 3 stories are consistent");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', textBlock = """
            table colour                                 ; 1: expected table NAME COLUMN ...
            table colour name/red | 1                    ; 2: expected one cell for each of the columns [name]
            red                                    ; 1: expected table, var, part or plot, or a step of a part or plot
            var c colour                                 ; 1: expected a known table instead of colour
            table colour name/red/var c colour unlike d  ; 3: expected a variable declared before
            plot p/- A {thing}.                          ; 2: expected a known variable instead of thing
            table colour name/red/var c colour/plot p/- A {c.size}.; 5: expected one of the columns [name] after c
            plot p/+ farewell                            ; 2: expected a known part instead of farewell
            plot p/| Or else.                            ; 2: expected a step before its other wordings
            plot p/* Hm.                                 ; 2: expected one of = - ? | + at the beginning of a step
            plot p/- One./= Title                        ; 3: expected the title before all other steps
            table colour name/red                        ; 2: expected a plot before the end of the file
            """)
    void namesTheLineOfABadGrammar(String lines, String message, @TempDir Path folder) throws IOException {
        Path file = Files.write(folder.resolve("grammar.txt"), List.of(lines.split("/")));

        assertThatThrownBy(() -> StoryGrammar.read(file)).isInstanceOf(GrammarFormatException.class)
                .hasMessage(file + ":" + message);
    }
}
