package dev.rwkv4j.tool.quality;

import dev.rwkv4j.tool.chart.Axis;
import dev.rwkv4j.tool.chart.Chart;
import dev.rwkv4j.tool.chart.Plot;
import dev.rwkv4j.tool.chart.Unit;
import java.util.DoubleSummaryStatistics;
import java.util.List;

/**
 * An SVG picture of what models cost and what they are worth: a point for each file, its size to the right and its
 * divergence from the base upwards, on a logarithmic axis.
 */
public final class QualityChart {
    private static final int HEIGHT = 440;
    private static final int TOP = 48;
    private static final int BOTTOM = HEIGHT - 60;

    private QualityChart() {
    }

    /**
     * A file.
     *
     * @param label what it is called
     * @param bytes its size
     * @param divergence mean divergence of its predictions from those of the base, in nats
     */
    public record Point(String label, long bytes, double divergence) {
    }

    /**
     * Draws.
     *
     * @param base what the files were compared with
     * @param points one or more
     * @return the picture
     */
    public static String svg(String base, List<Point> points) {
        DoubleSummaryStatistics bytes = points.stream().mapToDouble(Point::bytes).summaryStatistics();
        DoubleSummaryStatistics divergence = points.stream().mapToDouble(Point::divergence).summaryStatistics();
        Chart chart = new Chart("Size and divergence from " + base, HEIGHT);
        chart.plot(TOP, BOTTOM,
                Axis.around("file size", bytes.getMin(), bytes.getMax(), Unit.ofBytes(bytes.getMax())),
                Axis.logarithmic("mean KL divergence (nats)", divergence.getMin(), divergence.getMax()))
                .points(points.stream()
                        .map(point -> new Plot.Point(point.bytes(), point.divergence(), point.label()))
                        .toList());
        return chart.svg();
    }
}
