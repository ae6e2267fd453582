package dev.rwkv4j.tool.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.rwkv4j.tool.bench.GenerationCurve.Point;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** What is made of measurements. */
class BenchFiguresTest {
    /** 20 stretches of 5000 tokens, a millisecond for each token, but two in the last tenth; memory grows in the first. */
    private static final GenerationCurve CURVE = new GenerationCurve(IntStream.rangeClosed(0, 20)
            .mapToObj(i -> new Point(5000 * i, 5 * (i + Math.max(0, i - 18)), i == 0 ? 50_000_000 : 61_000_000))
            .toList());

    @Test
    void aSpeedIsTheMedianOfSeveral() {
        assertThat(Speed.of(100, new double[]{2, 1, 4})).isEqualTo(new Speed(50, 25, 100));
        assertThat(Speed.of(100, new double[]{1, 2})).isEqualTo(new Speed(75, 50, 100));
        assertThat(Speed.of(7, new double[]{2})).isEqualTo(new Speed(3.5, 3.5, 3.5)).hasToString("3.50 (3.50-3.50)");
    }

    @Test
    void bothEndsOfACurve() {
        assertThat(CURVE.pace()).isEqualTo("1.00 ms for a token in the first tenth, 2.00 ms in the last");
        assertThat(CURVE.memory()).isEqualTo("61.0 MB after the first tenth, 61.0 MB at the end");
    }

    @Test
    void theShortestCurve() {
        GenerationCurve curve = new GenerationCurve(List.of(new Point(0, 0, 0), new Point(2, 0.5, 0)));
        assertThat(curve.pace()).isEqualTo("250 ms for a token in the first tenth, 250 ms in the last");
        assertThat(parse(CurveChart.svg("short", curve)).getElementsByTagName("polyline").getLength()).isOne();
    }

    @Test
    void timeAndMemoryAreDrawn() {
        Document chart = parse(CurveChart.svg("100,000 tokens with <model>", CURVE));
        assertThat(texts(chart)).contains("100,000 tokens with <model>", "time (s)", "resident memory (MB)",
                "generated (thousand tokens)", "100", CURVE.pace(), CURVE.memory());
        double[][] time = points(chart, 0);
        double[][] memory = points(chart, 1);
        assertThat(time).hasNumberOfRows(21);
        assertThat(time[0]).containsExactly(84, 300); // the corner
        assertThat(time[20][0]).isEqualTo(696);
        assertThat(time[1][1] - time[2][1]).isCloseTo(time[10][1] - time[11][1], within(0.11));
        assertThat(memory[1][1]).isEqualTo(memory[20][1]).isLessThan(memory[0][1]);
    }

    private static double[][] points(Document chart, int curve) {
        Element line = (Element) chart.getElementsByTagName("polyline").item(curve);
        return Arrays.stream(line.getAttribute("points").split(" "))
                .map(point -> Arrays.stream(point.split(",")).mapToDouble(Double::parseDouble).toArray())
                .toArray(double[][]::new);
    }

    private static List<String> texts(Document chart) {
        return IntStream.range(0, chart.getElementsByTagName("text").getLength())
                .mapToObj(i -> chart.getElementsByTagName("text").item(i).getTextContent())
                .toList();
    }

    private static Document parse(String svg) {
        assertThat(svg).doesNotContain("NaN", "Infinity");
        try {
            return DocumentBuilderFactory.newInstance().newDocumentBuilder()
                    .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
        } catch (Exception e) {
            throw new AssertionError(svg, e);
        }
    }
}
