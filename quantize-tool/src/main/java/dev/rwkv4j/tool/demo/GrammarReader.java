package dev.rwkv4j.tool.demo;

import dev.rwkv4j.tool.demo.StoryGrammar.Piece;
import dev.rwkv4j.tool.demo.StoryGrammar.Step;
import dev.rwkv4j.tool.demo.StoryGrammar.Table;
import dev.rwkv4j.tool.demo.StoryGrammar.Variable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Reads a grammar, line by line. */
final class GrammarReader {
    private static final Pattern SLOT = Pattern.compile("\\{(\\w+)(?:\\.(\\w+))?}");

    private final String file;
    private final Map<String, Table> tables = new HashMap<>();
    private final Map<String, Variable> variables = new HashMap<>();
    private final Map<String, List<Step>> parts = new HashMap<>();
    private final Map<String, List<Step>> plots = new LinkedHashMap<>();
    private int line;
    /** What lines without a keyword belong to: a table or the steps of a part or plot. One of the two is null. */
    private Table table;
    private List<Step> steps;

    GrammarReader(String file, List<String> lines) throws GrammarFormatException {
        this.file = file;
        for (String text : lines) {
            line++;
            if (!text.isBlank() && !text.startsWith("#")) {
                read(text);
            }
        }
        if (plots.isEmpty()) {
            throw expected("a plot before the end of the file");
        }
    }

    Map<String, List<Step>> plots() {
        return plots;
    }

    private void read(String text) throws GrammarFormatException {
        String[] words = text.split(" ");
        switch (words[0]) {
            case "table" -> {
                require(words.length > 2, "table NAME COLUMN ...");
                table = new Table(List.of(words).subList(2, words.length), new ArrayList<>());
                steps = null;
                tables.put(words[1], table);
            }
            case "var" -> {
                require(words.length == 3 || words.length == 5 && words[3].equals("unlike"),
                        "var NAME TABLE [unlike VARIABLE]");
                Optional<String> unlike = words.length == 5 ? Optional.of(words[4]) : Optional.empty();
                require(unlike.isEmpty() || variables.containsKey(words[4]), "a variable declared before");
                variables.put(words[1], new Variable(words[1], named(tables, "table", words[2]), unlike));
            }
            case "part", "plot" -> {
                require(words.length == 2, words[0] + " NAME");
                table = null;
                steps = new ArrayList<>();
                (words[0].equals("part") ? parts : plots).put(words[1], steps);
            }
            default -> readBody(text, words);
        }
    }

    private void readBody(String text, String[] words) throws GrammarFormatException {
        if (table != null) {
            List<String> row = Stream.of(text.split("\\|", -1)).map(String::strip).toList();
            require(row.size() == table.columns().size() && row.stream().noneMatch(String::isEmpty),
                    "one cell for each of the columns " + table.columns());
            table.rows().add(row);
            return;
        }
        require(steps != null && words.length > 1 && words[0].length() == 1,
                "table, var, part or plot, or a step of a part or plot");
        switch (words[0]) {
            case "+" -> steps.addAll(named(parts, "part", words[1]));
            case "|" -> {
                require(!steps.isEmpty(), "a step before its other wordings");
                steps.getLast().wordings().add(wording(text.substring(2)));
            }
            case "=", "-", "?" -> {
                boolean title = words[0].equals("=");
                require(!title || steps.isEmpty(), "the title before all other steps");
                steps.add(new Step(title, !words[0].equals("-"), new ArrayList<>(List.of(wording(text.substring(2))))));
            }
            default -> throw expected("one of = - ? | + at the beginning of a step");
        }
    }

    private List<Piece> wording(String text) throws GrammarFormatException {
        List<Piece> pieces = new ArrayList<>();
        Matcher slot = SLOT.matcher(text);
        int end = 0;
        while (slot.find()) {
            if (slot.start() > end) {
                pieces.add(new Piece.Literal(text.substring(end, slot.start())));
            }
            String name = slot.group(1);
            Variable variable = named(variables, "variable", name.toLowerCase(Locale.ROOT));
            int column = slot.group(2) == null ? 0 : variable.table().columns().indexOf(slot.group(2));
            require(column >= 0, "one of the columns " + variable.table().columns() + " after " + name);
            pieces.add(new Piece.Slot(variable, column, Character.isUpperCase(name.charAt(0))));
            end = slot.end();
        }
        if (end < text.length()) {
            pieces.add(new Piece.Literal(text.substring(end)));
        }
        return pieces;
    }

    private <T> T named(Map<String, T> things, String kind, String name) throws GrammarFormatException {
        require(things.containsKey(name), "a known " + kind + " instead of " + name);
        return things.get(name);
    }

    private void require(boolean condition, String expected) throws GrammarFormatException {
        if (!condition) {
            throw expected(expected);
        }
    }

    private GrammarFormatException expected(String what) {
        return new GrammarFormatException(file, line, "expected " + what);
    }
}
