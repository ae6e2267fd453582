package dev.rwkv4j.tool.cli;

import java.util.List;
import org.apache.commons.cli.Option;

/** Lays a manual out for a terminal of 80 columns. */
public final class HelpPage {
    private static final int WIDTH = 80;
    private static final int DESCRIPTION_COLUMN = 28;

    private HelpPage() {
    }

    /** The page of a command. */
    public static String of(Manual manual) {
        StringBuilder page = new StringBuilder();
        page.append("rwkv ").append(manual.name()).append(": ").append(manual.summary()).append("\n\n");
        String label = "Usage: ";
        for (String form : manual.usage()) {
            page.append(label).append(hanging("rwkv " + form, label.length() + 4, label.length())).append('\n');
            label = "       ";
        }
        page.append('\n').append(hanging(manual.purpose(), 0, 0)).append('\n');
        for (Manual.Section section : manual.sections()) {
            page.append('\n').append(section.title()).append(":\n");
            section.options().forEach(option -> page.append(entry(names(option), option.getDescription())));
        }
        if (!manual.examples().isEmpty()) {
            page.append("\nExamples:\n");
        }
        for (Manual.Example example : manual.examples()) {
            page.append("  # ").append(example.what()).append('\n');
            page.append("  ").append(example.line()).append('\n');
        }
        return page.toString();
    }

    /** A name and its description, side by side. */
    static String entry(String name, String description) {
        String left = "  " + name;
        boolean beside = left.length() <= DESCRIPTION_COLUMN - 2;
        String gap = beside
                ? " ".repeat(DESCRIPTION_COLUMN - left.length())
                : "\n" + " ".repeat(DESCRIPTION_COLUMN);
        return left + gap + hanging(description, DESCRIPTION_COLUMN, DESCRIPTION_COLUMN) + "\n";
    }

    private static String names(Option option) {
        String letter = option.getOpt() == null ? "    " : "-" + option.getOpt() + ", ";
        String value = option.hasArg() ? " " + option.getArgName() : "";
        return letter + "--" + option.getLongOpt() + value;
    }

    /**
     * Breaks text between words.
     *
     * @param indent spaces before every line but the first
     * @param column where the first line begins
     */
    static String hanging(String text, int indent, int column) {
        StringBuilder wrapped = new StringBuilder();
        int position = column;
        for (String word : List.of(text.split(" "))) {
            if (position > column && position + 1 + word.length() > WIDTH) {
                wrapped.append('\n').append(" ".repeat(indent));
                position = indent;
            } else if (!wrapped.isEmpty()) {
                wrapped.append(' ');
                position++;
            }
            wrapped.append(word);
            position += word.length();
        }
        return wrapped.toString();
    }
}
