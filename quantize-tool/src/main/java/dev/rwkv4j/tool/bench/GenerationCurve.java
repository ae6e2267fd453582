package dev.rwkv4j.tool.bench;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.tool.cli.Figures;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * A long generation: how much time has passed and how much memory the process holds after so many tokens. Of a model whose
 * state has a constant size, the first is a straight line and the second a flat one.
 *
 * @param points in the order of their tokens, the first of them 0
 */
public record GenerationCurve(List<Point> points) {
    /** Stretches that are told apart. */
    private static final int STRETCHES = 200;
    private static final double NANOS = 1e9;
    private static final double MILLIS = 1e3;

    /** The model writes something else before, for so long: Java compiles what it runs often. */
    private static final double WARM_UP_SECONDS = 1;

    /** What is said of both ends of the curve is of this part of it. */
    private static final int PART = 10;

    /**
     * A moment.
     *
     * @param tokens that have been generated
     * @param seconds that have passed
     * @param residentBytes of the whole process; 0 if that is not known
     */
    public record Point(int tokens, double seconds, long residentBytes) {
    }

    /** Copies the points. */
    public GenerationCurve {
        points = List.copyOf(points);
    }

    /**
     * Lets a model write.
     *
     * @param tokens how many tokens
     * @param each is told of each point but the first
     * @throws java.util.concurrent.CancellationException if the thread is interrupted
     */
    public static GenerationCurve measure(RwkvModel model, int tokens, Consumer<Point> each) {
        warmUp(model);
        List<Point> points = new ArrayList<>();
        try (FreeText text = new FreeText(model)) {
            long begin = System.nanoTime();
            points.add(point(0, begin));
            int stretches = Math.min(STRETCHES, tokens);
            int done = 0;
            for (int stretch = 1; stretch <= stretches; stretch++) {
                for (long end = (long) tokens * stretch / stretches; done < end; done++) {
                    text.step();
                }
                points.add(point(done, begin));
                each.accept(points.getLast());
            }
        }
        return new GenerationCurve(points);
    }

    private static void warmUp(RwkvModel model) {
        try (FreeText text = new FreeText(model)) {
            for (long begin = System.nanoTime(); seconds(begin) < WARM_UP_SECONDS;) {
                text.step();
            }
        }
    }

    private static Point point(int tokens, long begin) {
        return new Point(tokens, seconds(begin), ProcessMemory.residentBytes().orElse(0));
    }

    private static double seconds(long begin) {
        return (System.nanoTime() - begin) / NANOS;
    }

    /** {@return the last point} */
    public Point end() {
        return points.getLast();
    }

    /** {@return for people: how long a token takes at the beginning and at the end} */
    public String pace() {
        return milliseconds(points.getFirst(), points.get(part())) + " for a token in the first tenth, "
                + milliseconds(points.get(points.size() - 1 - part()), end()) + " in the last";
    }

    /** {@return for people: what is resident when everything has been used once, and at the end} */
    public String memory() {
        return Figures.bytes(points.get(part()).residentBytes()) + " after the first tenth, "
                + Figures.bytes(end().residentBytes()) + " at the end";
    }

    /** How many points make up one end. */
    private int part() {
        return Math.ceilDiv(points.size() - 1, PART);
    }

    private static String milliseconds(Point from, Point to) {
        double seconds = (to.seconds() - from.seconds()) / (to.tokens() - from.tokens());
        return Figures.significant(seconds * MILLIS) + " ms";
    }
}
