package dev.rwkv4j.gguf;

/**
 * Text that comes out of files, made fit for messages and terminals: whoever wrote a file chooses what is said about it,
 * but neither what a terminal does nor how long the message is.
 */
public final class Printable {
    private static final int MOST_OF_NAME = 100;
    private static final int MOST_OF_MESSAGE = 600;

    private Printable() {
    }

    /**
     * Escapes what does not print, or is not what it looks like, such as control characters and marks of direction.
     *
     * @param text any text
     * @return the same text with backslash, u and four digits in place of each such character
     */
    public static String escape(String text) {
        if (text.codePoints().allMatch(Printable::prints)) {
            return text;
        }
        StringBuilder escaped = new StringBuilder();
        text.codePoints().forEach(c -> {
            if (prints(c)) {
                escaped.appendCodePoint(c);
            } else {
                Character.toString(c).chars().forEach(unit -> escaped.append(String.format("\\u%04x", unit)));
            }
        });
        return escaped.toString();
    }

    private static boolean prints(int codePoint) {
        return switch (Character.getType(codePoint)) {
            case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED,
                    Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR ->
                false;
            default -> true;
        };
    }

    /**
     * A name or a value.
     *
     * @param text what the file has
     * @return its beginning, escaped
     */
    public static String name(String text) {
        return text.length() <= MOST_OF_NAME ? escape(text) : escape(text.substring(0, MOST_OF_NAME)) + "...";
    }

    /**
     * A message with names or values in it.
     *
     * @param text the message
     * @return the message, escaped; one that is too long loses its middle, as the end says what was expected
     */
    public static String message(String text) {
        if (text.length() <= MOST_OF_MESSAGE) {
            return escape(text);
        }
        int half = MOST_OF_MESSAGE / 2;
        return escape(text.substring(0, half)) + " ... " + escape(text.substring(text.length() - half));
    }
}
