package dev.rwkv4j.tool.bench;

import dev.rwkv4j.tool.bench.GenerationCurve.Point;
import dev.rwkv4j.tool.chart.Axis;
import dev.rwkv4j.tool.chart.Chart;
import dev.rwkv4j.tool.chart.Plot;
import dev.rwkv4j.tool.chart.Unit;
import java.util.function.ToDoubleFunction;

/** A {@link GenerationCurve} as an SVG picture: time above, memory below. */
public final class CurveChart {
    private static final int HEIGHT = 640;
    private static final int TIME_TOP = 68;
    private static final int TIME_BOTTOM = 300;
    private static final int MEMORY_TOP = 390;
    private static final int MEMORY_BOTTOM = HEIGHT - 60;

    private CurveChart() {
    }

    /**
     * Draws.
     *
     * @param title what was measured
     * @return the picture
     */
    public static String svg(String title, GenerationCurve curve) {
        Chart chart = new Chart(title, HEIGHT);
        double seconds = curve.end().seconds();
        draw(chart, TIME_TOP, TIME_BOTTOM, curve, Point::seconds,
                Axis.fromZero("time", seconds, Unit.ofSeconds(seconds)))
                .note(curve.pace());
        double bytes = curve.points().stream().mapToDouble(Point::residentBytes).max().orElseThrow();
        if (bytes > 0) {
            draw(chart, MEMORY_TOP, MEMORY_BOTTOM, curve, Point::residentBytes,
                    Axis.fromZero("resident memory", bytes, Unit.ofBytes(bytes)))
                    .note(curve.memory());
        }
        return chart.svg();
    }

    private static Plot draw(Chart chart, int top, int bottom, GenerationCurve curve, ToDoubleFunction<Point> value,
            Axis y) {
        int tokens = curve.end().tokens();
        return chart.plot(top, bottom, Axis.fromZero("generated", tokens, Unit.ofCount(tokens, "tokens")), y)
                .curve(curve.points().stream()
                        .map(point -> new Plot.Point(point.tokens(), value.applyAsDouble(point), ""))
                        .toList());
    }
}
