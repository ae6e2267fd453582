package dev.rwkv4j.tool.quality;

import dev.rwkv4j.tool.cli.Figures;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * An SVG picture of what models cost and what they are worth: a point for each file, its size to the right and its
 * divergence from the base upwards, on a logarithmic axis. In the colours that the viewer prefers, light or dark.
 */
public final class QualityChart {
    private static final int WIDTH = 720;
    private static final int HEIGHT = 440;
    private static final int LEFT = 84;
    private static final int RIGHT = WIDTH - 24;
    private static final int TOP = 48;
    private static final int BOTTOM = HEIGHT - 60;
    private static final int RADIUS = 5;

    /** Of the labels, which are drawn in 12 pixels. */
    private static final double CHARACTER_WIDTH = 7.4;
    private static final int LINE_HEIGHT = 14;
    private static final int GAP = 9;

    /** What a point without divergence counts as, which has no logarithm. */
    private static final double SMALLEST = 1e-9;
    private static final int TICKS = 6;
    private static final String[] UNITS = {"bytes", "kB", "MB", "GB", "TB"};

    private static final String STYLE = """
            <style>
              .paper { fill: #ffffff; }
              .grid { stroke: #d1d9e0; }
              .point { fill: #0969da; }
              text { fill: #1f2328; font: 12px system-ui, sans-serif; }
              @media (prefers-color-scheme: dark) {
                .paper { fill: #0d1117; }
                .grid { stroke: #3d444d; }
                .point { fill: #58a6ff; }
                text { fill: #e6edf3; }
              }
              .title { font-size: 15px; font-weight: 600; }
              .middle { text-anchor: middle; }
              .end { text-anchor: end; }
            </style>
            """;

    private final StringBuilder svg = new StringBuilder();
    private final List<Box> taken = new ArrayList<>();
    private final List<Point> points;
    private final double unit;
    private final String unitName;
    private final double step;
    private final double lowestSize;
    private final double highestSize;
    private final int lowestPower;
    private final int highestPower;

    /**
     * A file.
     *
     * @param label what it is called
     * @param bytes its size
     * @param divergence mean divergence of its predictions from those of the base, in nats
     */
    public record Point(String label, long bytes, double divergence) {
    }

    private record Box(double left, double top, double right, double bottom) {
        boolean overlaps(Box other) {
            return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
        }

        boolean isInside() {
            return left >= LEFT && right <= RIGHT && top >= TOP && bottom <= BOTTOM;
        }
    }

    private QualityChart(List<Point> points) {
        this.points = points;
        double most = points.stream().mapToLong(Point::bytes).max().orElseThrow();
        double least = points.stream().mapToLong(Point::bytes).min().orElseThrow();
        int power = (int) Math.min(UNITS.length - 1, Math.max(0, Math.log10(most) / 3));
        unit = Math.pow(1000, power);
        unitName = UNITS[power];
        step = niceStep(Math.max(most - least, most / 10) / unit / TICKS);
        lowestSize = Math.max(0, Math.floor(least / unit / step - 0.5) * step);
        highestSize = Math.ceil(most / unit / step + 0.5) * step;
        lowestPower = (int) Math.floor(logarithm(
                points.stream().mapToDouble(Point::divergence).min().orElseThrow()));
        highestPower = Math.max(lowestPower + 1, (int) Math.ceil(logarithm(
                points.stream().mapToDouble(Point::divergence).max().orElseThrow())));
    }

    /**
     * Draws.
     *
     * @param base what the files were compared with
     * @param points one or more
     * @return the picture
     */
    public static String svg(String base, List<Point> points) {
        return new QualityChart(points).draw("Size and divergence from " + base);
    }

    private String draw(String title) {
        line("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">",
                WIDTH, HEIGHT, WIDTH, HEIGHT);
        line("<title>%s</title>", escape(title));
        svg.append(STYLE);
        line("<rect class=\"paper\" width=\"%d\" height=\"%d\"/>", WIDTH, HEIGHT);
        text("title", LEFT, 28, title);
        sizeAxis();
        divergenceAxis();
        for (Point point : points) {
            taken.add(around(x(point), y(point), RADIUS));
        }
        points.forEach(this::point);
        return svg.append("</svg>\n").toString();
    }

    private void sizeAxis() {
        int ticks = (int) Math.round((highestSize - lowestSize) / step);
        for (int i = 0; i <= ticks; i++) {
            double size = lowestSize + i * step;
            double x = x(size);
            grid(x, TOP, x, BOTTOM);
            text("middle", x, BOTTOM + 18, Figures.plain(Math.round(size * 1000) / 1000.0));
        }
        text("middle", (LEFT + RIGHT) / 2.0, HEIGHT - 16, "file size (" + unitName + ")");
    }

    private void divergenceAxis() {
        for (int power = lowestPower; power <= highestPower; power++) {
            double y = y((double) power);
            grid(LEFT, y, RIGHT, y);
            text("end", LEFT - 8, y + 4, BigDecimal.valueOf(1, -power).toPlainString());
        }
        double middle = (TOP + BOTTOM) / 2.0;
        line("<text class=\"middle\" transform=\"translate(20 %.1f) rotate(-90)\">%s</text>", middle,
                "mean KL divergence (nats)");
    }

    private void point(Point point) {
        double x = x(point);
        double y = y(point);
        line("<circle class=\"point\" cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"/>", x, y, RADIUS);
        double width = CHARACTER_WIDTH * point.label().length();
        Box box = place(x, y, width);
        taken.add(box);
        text("middle", (box.left() + box.right()) / 2, box.bottom() - 3, point.label());
    }

    /** Beside the point, else above or below it: the first place that is free. */
    private Box place(double x, double y, double width) {
        List<Box> places = List.of(
                label(x + GAP + width / 2, y, width),
                label(x - GAP - width / 2, y, width),
                label(x, y - GAP - LINE_HEIGHT / 2.0, width),
                label(x, y + GAP + LINE_HEIGHT / 2.0, width));
        return places.stream()
                .filter(place -> place.isInside() && taken.stream().noneMatch(place::overlaps))
                .findFirst()
                .orElse(places.getFirst().isInside() ? places.getFirst() : places.get(1));
    }

    private static Box label(double x, double y, double width) {
        return new Box(x - width / 2, y - LINE_HEIGHT / 2.0, x + width / 2, y + LINE_HEIGHT / 2.0);
    }

    private static Box around(double x, double y, double radius) {
        return new Box(x - radius, y - radius, x + radius, y + radius);
    }

    private double x(Point point) {
        return x(point.bytes() / unit);
    }

    private double x(double size) {
        return LEFT + (RIGHT - LEFT) * (size - lowestSize) / (highestSize - lowestSize);
    }

    private double y(Point point) {
        return y(logarithm(point.divergence()));
    }

    private double y(double logarithm) {
        return BOTTOM - (BOTTOM - TOP) * (logarithm - lowestPower) / (highestPower - lowestPower);
    }

    private static double logarithm(double divergence) {
        return Math.log10(Math.max(divergence, SMALLEST));
    }

    /** 1, 2 or 5 times a power of ten, not smaller than what is asked for. */
    private static double niceStep(double least) {
        double power = Math.pow(10, Math.floor(Math.log10(least)));
        for (int factor : new int[]{1, 2, 5}) {
            if (factor * power >= least) {
                return factor * power;
            }
        }
        return 10 * power;
    }

    private void grid(double x1, double y1, double x2, double y2) {
        line("<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x1, y1, x2, y2);
    }

    private void text(String style, double x, double y, String text) {
        line("<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>", style, x, y, escape(text));
    }

    private void line(String format, Object... arguments) {
        svg.append(String.format(Locale.ROOT, format, arguments)).append('\n');
    }

    private static String escape(String text) {
        return text.replaceAll("\\p{Cntrl}", "?").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
