package dev.rwkv4j.tool.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The grammar of the demo model's stories: it tells whether a text is a story that the grammar could have told.
 *
 * <p>A plot is a row of steps, a step one sentence in one of several wordings. A wording has slots for variables; a
 * variable stands for one row of a table from the first sentence of a story to its last. A story is consistent if one
 * plot explains all its sentences in order and each variable keeps at least one row that fits everything said of it:
 * the fox keeps her name and her pronoun, what was lost is what is found, what helped is what the trouble called for.
 *
 * <p>Immutable, and safe for use by several threads.
 */
public final class StoryGrammar {
    /** Rows of equal columns; a column's name is its index in {@code columns}. */
    record Table(List<String> columns, List<List<String>> rows) {
    }

    /** A fact of a story: a row of the table, never the row that the variable named {@code unlike} has. */
    record Variable(String name, Table table, Optional<String> unlike) {
    }

    /** A piece of a wording. */
    sealed interface Piece {
        /** Text that stands as it is. */
        record Literal(String text) implements Piece {
        }

        /** A cell of a variable's row, with a capital letter if the sentence wants one. */
        record Slot(Variable variable, int column, boolean capital) implements Piece {
            String cell(int row) {
                String cell = variable.table.rows().get(row).get(column);
                return capital ? Character.toUpperCase(cell.charAt(0)) + cell.substring(1) : cell;
            }
        }
    }

    /** A sentence, or a title, which stands first and apart. All its wordings say the same. */
    record Step(boolean title, boolean optional, List<List<Piece>> wordings) {
    }

    /** The text under a title begins after a blank line. */
    private static final String UNDER_TITLE = "\n\n";
    private static final Pattern BETWEEN_SENTENCES = Pattern.compile("(?<=[.!?]\"?) (?=[\"A-Z])");

    private final Map<String, List<Step>> plots;

    StoryGrammar(Map<String, List<Step>> plots) {
        this.plots = plots;
    }

    /**
     * Reads a grammar; the comment at the top of {@code grammar.txt} describes its form.
     *
     * @param file the grammar file
     * @return the grammar
     * @throws GrammarFormatException if a line of the file is not what it has to be
     * @throws IOException if the file cannot be read
     */
    public static StoryGrammar read(Path file) throws IOException {
        return new StoryGrammar(new GrammarReader(file.toString(), Files.readAllLines(file)).plots());
    }

    /**
     * Checks stories one by one.
     *
     * @param stories the texts of the stories
     * @return what was found in all of them together; a violation names its story, counted from 1
     */
    public StoryReport check(Collection<String> stories) {
        StoryReport sum = StoryReport.EMPTY;
        for (String story : stories) {
            StoryReport one = check(story);
            int number = sum.stories() + 1;
            sum = sum.and(new StoryReport(one.sentences(), one.grammatical(), one.stories(), one.consistent(),
                    one.violation().map(found -> "story " + number + ": " + found)));
        }
        return sum;
    }

    /**
     * Checks one story.
     *
     * @param story its text: a title and a blank line, or neither, then the sentences, one space between them
     * @return what was found
     */
    public StoryReport check(String story) {
        List<Sentence> sentences = sentences(story.strip());
        int grammatical = (int) sentences.stream().filter(this::isGrammatical).count();
        Optional<String> violation = violation(sentences);
        return new StoryReport(sentences.size(), grammatical, 1, violation.isEmpty() ? 1 : 0, violation);
    }

    private record Sentence(int number, boolean title, String text) {
        /** How messages call it. */
        String name() {
            return title ? "the title" : "sentence " + number;
        }
    }

    private static List<Sentence> sentences(String story) {
        List<Sentence> sentences = new ArrayList<>();
        int titleEnd = story.indexOf(UNDER_TITLE);
        if (titleEnd >= 0) {
            sentences.add(new Sentence(0, true, story.substring(0, titleEnd)));
        }
        String body = titleEnd < 0 ? story : story.substring(titleEnd + UNDER_TITLE.length());
        int number = 1;
        for (String text : BETWEEN_SENTENCES.split(body)) {
            sentences.add(new Sentence(number++, false, text));
        }
        return sentences;
    }

    /** What a story has said of a variable: the rows that fit it all, and where it first said something so precise. */
    private record Fact(BitSet rows, String said, Sentence where) {
    }

    /** A way to understand the beginning of a story: {@code next} is the first step that has not been told. */
    private record Reading(List<Step> plot, int next, Map<Variable, Fact> facts) {
        /** The steps that may come now. */
        List<Step> possible() {
            int end = next;
            while (end < plot.size() && plot.get(end).optional()) {
                end++;
            }
            return plot.subList(next, Math.min(end + 1, plot.size()));
        }

        boolean mayEnd() {
            return possible().stream().allMatch(Step::optional);
        }
    }

    /** Follows all readings of the story side by side. */
    private Optional<String> violation(List<Sentence> sentences) {
        List<Reading> readings = plots.values().stream().map(plot -> new Reading(plot, 0, Map.of())).toList();
        for (Sentence sentence : sentences) {
            List<Reading> extended = readings.stream().flatMap(reading -> extend(reading, sentence).stream()).toList();
            if (extended.isEmpty()) {
                return Optional.of(explain(readings, sentence));
            }
            readings = extended;
        }
        return readings.stream().anyMatch(Reading::mayEnd)
                ? Optional.empty()
                : Optional.of("the story has no ending: it stops after " + sentences.getLast().name());
    }

    private static List<Reading> extend(Reading reading, Sentence sentence) {
        List<Reading> extended = new ArrayList<>();
        int step = reading.next;
        for (Step possible : reading.possible()) {
            step++;
            for (Map<Variable, Fact> facts : match(possible, sentence, reading.facts)) {
                extended.add(new Reading(reading.plot, step, facts));
            }
        }
        return extended;
    }

    private boolean isGrammatical(Sentence sentence) {
        return plots.values().stream().flatMap(List::stream)
                .anyMatch(step -> !match(step, sentence, Map.of()).isEmpty());
    }

    /** All that the facts may be after a sentence is taken for the given step; nothing if it cannot be. */
    private static List<Map<Variable, Fact>> match(Step step, Sentence sentence, Map<Variable, Fact> facts) {
        List<Map<Variable, Fact>> matches = new ArrayList<>();
        if (step.title() == sentence.title) {
            step.wordings().forEach(wording -> match(wording, sentence, 0, facts, matches));
        }
        return matches;
    }

    private static void match(List<Piece> wording, Sentence sentence, int at, Map<Variable, Fact> facts,
            List<Map<Variable, Fact>> matches) {
        if (wording.isEmpty()) {
            if (at == sentence.text.length()) {
                matches.add(facts);
            }
            return;
        }
        List<Piece> rest = wording.subList(1, wording.size());
        switch (wording.getFirst()) {
            case Piece.Literal(String text) -> {
                if (sentence.text.startsWith(text, at)) {
                    match(rest, sentence, at + text.length(), facts, matches);
                }
            }
            case Piece.Slot slot -> rowsAt(slot, sentence.text, at).forEach((cell, rows) -> {
                Map<Variable, Fact> known = learn(facts, slot.variable, new Fact(rows, cell, sentence));
                if (known.values().stream().noneMatch(fact -> fact.rows.isEmpty())) {
                    match(rest, sentence, at + cell.length(), known, matches);
                }
            });
        }
    }

    /** The cells that the text may have at a place, each with the rows that have it. */
    private static Map<String, BitSet> rowsAt(Piece.Slot slot, String text, int at) {
        Map<String, BitSet> found = new LinkedHashMap<>();
        for (int row = 0; row < slot.variable.table.rows().size(); row++) {
            String cell = slot.cell(row);
            if (text.startsWith(cell, at)) {
                found.computeIfAbsent(cell, _ -> new BitSet()).set(row);
            }
        }
        return found;
    }

    private static Map<Variable, Fact> learn(Map<Variable, Fact> facts, Variable variable, Fact fact) {
        Map<Variable, Fact> known = new LinkedHashMap<>(facts);
        known.merge(variable, fact, StoryGrammar::both);
        for (Variable other : facts.keySet()) {
            if (mustDiffer(variable, other) && known.get(other).rows.cardinality() == 1) {
                known.computeIfPresent(variable, (_, mine) -> without(mine, known.get(other)));
            }
        }
        return known;
    }

    private static boolean mustDiffer(Variable one, Variable other) {
        return one.unlike.filter(other.name::equals).isPresent() || other.unlike.filter(one.name::equals).isPresent();
    }

    private static Fact both(Fact before, Fact now) {
        BitSet rows = (BitSet) before.rows.clone();
        rows.and(now.rows);
        return rows.equals(before.rows) ? before : new Fact(rows, now.said, now.where);
    }

    private static Fact without(Fact fact, Fact excluded) {
        BitSet rows = (BitSet) fact.rows.clone();
        rows.andNot(excluded.rows);
        return new Fact(rows, fact.said, fact.where);
    }

    /** Says why no reading goes on with a sentence, by the reading that it contradicts least. */
    private String explain(List<Reading> readings, Sentence sentence) {
        record Contradiction(int size, String text) {
        }
        List<Contradiction> contradictions = new ArrayList<>();
        for (Reading reading : readings) {
            for (Step step : reading.possible()) {
                for (Map<Variable, Fact> said : match(step, sentence, Map.of())) {
                    List<String> texts = contradictions(reading.facts, said);
                    if (!texts.isEmpty()) {
                        contradictions.add(new Contradiction(texts.size(), texts.getFirst()));
                    }
                }
            }
        }
        return contradictions.stream().min(Comparator.comparingInt(Contradiction::size))
                .map(least -> sentence.name() + " says " + least.text)
                .orElseGet(() -> "%s %s: %s".formatted(sentence.name(),
                        isGrammatical(sentence) ? "does not belong there" : "does not follow the grammar",
                        sentence.text));
    }

    private static List<String> contradictions(Map<Variable, Fact> known, Map<Variable, Fact> said) {
        List<String> texts = new ArrayList<>();
        said.forEach((variable, fact) -> {
            Fact before = known.get(variable);
            if (before != null && !before.rows.intersects(fact.rows)) {
                texts.add("\"%s\" of the %s, which was \"%s\" in %s".formatted(fact.said, variable.name, before.said,
                        before.where.name()));
            }
            known.forEach((other, taken) -> {
                if (mustDiffer(variable, other) && taken.rows.cardinality() == 1 && taken.rows.equals(fact.rows)) {
                    texts.add("\"%s\" of the %s, which is the %s since %s".formatted(fact.said, variable.name,
                            other.name, taken.where.name()));
                }
            });
        });
        return texts;
    }
}
