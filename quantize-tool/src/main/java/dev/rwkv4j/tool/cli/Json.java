package dev.rwkv4j.tool.cli;

import java.util.Collection;
import java.util.Iterator;
import java.util.Map;

/** Writes JSON, indented by two spaces; arrays of numbers on one line. */
public final class Json {
    private Json() {
    }

    /**
     * A value as JSON.
     *
     * @param value a map with string keys, an iterable, a string, a number, a boolean or null; numbers that are not
     *     finite become null
     * @throws IllegalArgumentException if there is anything else in it
     */
    public static String of(Object value) {
        StringBuilder json = new StringBuilder();
        write(json, value, "\n");
        return json.toString();
    }

    private static void write(StringBuilder json, Object value, String newLine) {
        switch (value) {
            case null -> json.append("null");
            case String text -> string(json, text);
            case Double number when !Double.isFinite(number) -> json.append("null");
            case Float number when !Float.isFinite(number) -> json.append("null");
            case Number number -> json.append(number);
            case Boolean truth -> json.append(truth);
            case Map<?, ?> map -> all(json, "{}", newLine, map.entrySet().iterator());
            case Collection<?> items when items.stream().allMatch(Number.class::isInstance) -> numbers(json, items);
            case Iterable<?> items -> all(json, "[]", newLine, items.iterator());
            case Map.Entry<?, ?> entry -> {
                string(json, (String) entry.getKey());
                json.append(": ");
                write(json, entry.getValue(), newLine);
            }
            default -> throw new IllegalArgumentException("no JSON for a " + value.getClass());
        }
    }

    private static void all(StringBuilder json, String brackets, String newLine, Iterator<?> items) {
        json.append(brackets.charAt(0));
        boolean empty = !items.hasNext();
        while (items.hasNext()) {
            json.append(newLine).append("  ");
            write(json, items.next(), newLine + "  ");
            json.append(items.hasNext() ? "," : "");
        }
        json.append(empty ? "" : newLine).append(brackets.charAt(1));
    }

    /** On one line: there may be many. */
    private static void numbers(StringBuilder json, Collection<?> items) {
        String comma = "";
        json.append('[');
        for (Object item : items) {
            json.append(comma);
            write(json, item, "");
            comma = ", ";
        }
        json.append(']');
    }

    private static void string(StringBuilder json, String text) {
        json.append('"');
        text.chars().forEach(c -> {
            switch (c) {
                case '"', '\\' -> json.append('\\').append((char) c);
                case '\n' -> json.append("\\n");
                case '\r' -> json.append("\\r");
                case '\t' -> json.append("\\t");
                default -> {
                    if (c < ' ') {
                        json.append(String.format("\\u%04x", c));
                    } else {
                        json.append((char) c);
                    }
                }
            }
        });
        json.append('"');
    }
}
