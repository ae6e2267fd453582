package dev.rwkv4j.tool.bench;

import dev.rwkv4j.tool.cli.Figures;
import java.util.Arrays;
import java.util.List;

/**
 * Tokens in a second, of some repetitions.
 *
 * @param median the middle one, or the mean of the middle two
 * @param slowest the least
 * @param fastest the most
 */
public record Speed(double median, double slowest, double fastest) {
    /** Of the seconds that a number of tokens took in each repetition, at least one. */
    public static Speed of(int tokens, double[] seconds) {
        return of(Arrays.stream(seconds).map(time -> tokens / time).toArray());
    }

    /** Of the speed of each repetition, at least one. */
    public static Speed of(double[] speeds) {
        double[] sorted = speeds.clone();
        Arrays.sort(sorted);
        double median = (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
        return new Speed(median, sorted[0], sorted[sorted.length - 1]);
    }

    /** {@return slowest and fastest} */
    public List<Double> range() {
        return List.of(slowest, fastest);
    }

    /** For people: {@code 311 (284-319)}. */
    @Override
    public String toString() {
        return Figures.significant(median) + " (" + Figures.significant(slowest) + "-" + Figures.significant(fastest)
                + ")";
    }
}
