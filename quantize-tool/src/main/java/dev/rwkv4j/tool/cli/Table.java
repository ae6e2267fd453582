package dev.rwkv4j.tool.cli;

import java.util.ArrayList;
import java.util.List;

/** Columns of text: the first from the left, all others to the right. */
public final class Table {
    private static final String GAP = "  ";

    private final List<List<String>> rows = new ArrayList<>();

    /** Begins with the titles of the columns. */
    public Table(String... titles) {
        rows.add(List.of(titles));
    }

    /** Adds a row, with as many cells as there are titles. */
    public Table row(String... cells) {
        rows.add(List.of(cells));
        return this;
    }

    /** {@return all lines, each with its end} */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < row.size(); column++) {
                String cell = row.get(column);
                String padding = " ".repeat(width(column) - cell.length());
                line.append(column == 0 ? cell + padding : GAP + padding + cell);
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }

    private int width(int column) {
        return rows.stream().mapToInt(row -> row.get(column).length()).max().orElse(0);
    }
}
