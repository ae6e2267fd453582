package dev.rwkv4j.tool.chart;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** A part of a {@link Chart}: two axes, and points or a curve between them. */
public final class Plot {
    private static final int RADIUS = 5;

    /** From an axis to its labels. */
    private static final int BELOW = 18;
    private static final int TITLE_BELOW = 44;
    private static final int BESIDE = 8;
    private static final int TITLE_BESIDE = 64;
    private static final int NOTE_ABOVE = 10;
    /** From the middle of a line of text to where it stands on. */
    private static final int BASELINE = 4;

    /** Of the labels, which are drawn in 12 pixels. */
    private static final double CHARACTER_WIDTH = 7.4;
    private static final int LINE_HEIGHT = 14;
    private static final int GAP = 9;

    private final Svg svg;
    private final Area area;
    private final Axis x;
    private final Axis y;

    /** What labels must not cover. */
    private final List<Area> taken = new ArrayList<>();

    /**
     * A point.
     *
     * @param label what is written beside it
     */
    public record Point(double x, double y, String label) {
    }

    /** A rectangle. */
    record Area(double left, double top, double right, double bottom) {
        static Area around(double x, double y, double width, double height) {
            return new Area(x - width / 2, y - height / 2, x + width / 2, y + height / 2);
        }

        boolean overlaps(Area other) {
            return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
        }

        boolean contains(Area other) {
            return other.left >= left && other.right <= right && other.top >= top && other.bottom <= bottom;
        }

        double middle() {
            return (left + right) / 2;
        }
    }

    Plot(Svg svg, Area area, Axis x, Axis y) {
        this.svg = svg;
        this.area = area;
        this.x = x;
        this.y = y;
        for (Axis.Mark mark : x.marks()) {
            double at = across(mark.place());
            svg.line("grid", at, area.top(), at, area.bottom());
            svg.text("middle", at, area.bottom() + BELOW, mark.label());
        }
        svg.text("middle", area.middle(), area.bottom() + TITLE_BELOW, x.title());
        for (Axis.Mark mark : y.marks()) {
            double at = up(mark.place());
            svg.line("grid", area.left(), at, area.right(), at);
            svg.text("end", area.left() - BESIDE, at + BASELINE, mark.label());
        }
        svg.upwards(area.left() - TITLE_BESIDE, (area.top() + area.bottom()) / 2, y.title());
    }

    private double across(double place) {
        return area.left() + (area.right() - area.left()) * place;
    }

    private double up(double place) {
        return area.bottom() - (area.bottom() - area.top()) * place;
    }

    /** Writes a line in small print above the plot. */
    public Plot note(String text) {
        svg.text("note", area.left(), area.top() - NOTE_ABOVE, text);
        return this;
    }

    /** Draws points, each with its label where there is room for it. */
    public Plot points(List<Point> points) {
        for (Point point : points) {
            taken.add(Area.around(across(x.place(point.x())), up(y.place(point.y())), 2 * RADIUS, 2 * RADIUS));
        }
        for (Point point : points) {
            double px = across(x.place(point.x()));
            double py = up(y.place(point.y()));
            svg.add("<circle class=\"point\" cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"/>", px, py, RADIUS);
            Area label = place(px, py, CHARACTER_WIDTH * point.label().length());
            taken.add(label);
            svg.text("middle", label.middle(), label.bottom() - 3, point.label());
        }
        return this;
    }

    /** Beside the point, else above or below it: the first place that is free. */
    private Area place(double px, double py, double width) {
        List<Area> places = List.of(
                Area.around(px + GAP + width / 2, py, width, LINE_HEIGHT),
                Area.around(px - GAP - width / 2, py, width, LINE_HEIGHT),
                Area.around(px, py - GAP - LINE_HEIGHT / 2.0, width, LINE_HEIGHT),
                Area.around(px, py + GAP + LINE_HEIGHT / 2.0, width, LINE_HEIGHT));
        return places.stream()
                .filter(place -> area.contains(place) && taken.stream().noneMatch(place::overlaps))
                .findFirst()
                .orElse(area.contains(places.getFirst()) ? places.getFirst() : places.get(1));
    }

    /** Draws a line through points, without their labels. */
    public Plot curve(List<Point> points) {
        String path = points.stream()
                .map(point -> String.format(Locale.ROOT, "%.1f,%.1f", across(x.place(point.x())),
                        up(y.place(point.y()))))
                .collect(Collectors.joining(" "));
        svg.add("<polyline class=\"curve\" points=\"%s\"/>", path);
        return this;
    }
}
