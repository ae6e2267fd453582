package dev.rwkv4j.tool.chart;

import java.util.Locale;

/** SVG elements, one after the other. */
final class Svg {
    private final StringBuilder elements = new StringBuilder();

    /** Any element, as for {@link String#format}. */
    Svg add(String format, Object... arguments) {
        elements.append(String.format(Locale.ROOT, format, arguments)).append('\n');
        return this;
    }

    Svg line(String style, double x1, double y1, double x2, double y2) {
        return add("<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", style, x1, y1, x2, y2);
    }

    /** Text on a line, which begins, has its middle or ends at x: depends on the style. */
    Svg text(String style, double x, double y, String text) {
        return add("<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>", style, x, y, escape(text));
    }

    /** Text upwards, around a point. */
    Svg upwards(double x, double y, String text) {
        return add("<text class=\"middle\" transform=\"translate(%.1f %.1f) rotate(-90)\">%s</text>", x, y,
                escape(text));
    }

    static String escape(String text) {
        return text.replaceAll("\\p{Cntrl}", "?").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }

    @Override
    public String toString() {
        return elements.toString();
    }
}
