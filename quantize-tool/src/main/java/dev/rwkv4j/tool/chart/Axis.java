package dev.rwkv4j.tool.chart;

import dev.rwkv4j.tool.cli.Figures;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/** One direction of a {@link Plot}: which values lie where, and where there is a mark. */
public final class Axis {
    /** About as many steps are marked. */
    private static final int STEPS = 6;

    /** What a value without a logarithm counts as. */
    private static final double SMALLEST = 1e-9;

    private final String title;
    private final double low;
    private final double high;
    private final DoubleUnaryOperator scale;
    private final List<Mark> marks = new ArrayList<>();

    /**
     * A value that is marked.
     *
     * @param place as of {@link #place}
     */
    record Mark(double place, String label) {
    }

    private Axis(String title, double low, double high, DoubleUnaryOperator scale) {
        this.title = title;
        this.low = low;
        this.high = high;
        this.scale = scale;
    }

    /** From zero to all of the largest value. */
    public static Axis fromZero(String title, double most, Unit unit) {
        double step = niceStep(most / unit.size() / STEPS);
        return linear(title, 0, Math.ceil(most / unit.size() / step) * step, step, unit);
    }

    /** Around two values, neither of which lies at an end; they may be the same. */
    public static Axis around(String title, double least, double most, Unit unit) {
        double step = niceStep(Math.max(most - least, most / 10) / unit.size() / STEPS);
        double low = Math.max(0, Math.floor(least / unit.size() / step - 0.5) * step);
        return linear(title, low, Math.ceil(most / unit.size() / step + 0.5) * step, step, unit);
    }

    private static Axis linear(String title, double low, double high, double step, Unit unit) {
        Axis axis = new Axis(title + " (" + unit.name() + ")", low, high, value -> value / unit.size());
        int steps = (int) Math.round((high - low) / step);
        for (int i = 0; i <= steps; i++) {
            axis.marks.add(new Mark((double) i / steps, Figures.plain(Math.round((low + i * step) * 1000) / 1000.0)));
        }
        return axis;
    }

    /** Logarithmic, over whole powers of ten; a value of zero counts as 10⁻⁹. */
    public static Axis logarithmic(String title, double least, double most) {
        int lowest = (int) Math.floor(logarithm(least));
        int highest = Math.max(lowest + 1, (int) Math.ceil(logarithm(most)));
        Axis axis = new Axis(title, lowest, highest, Axis::logarithm);
        for (int power = lowest; power <= highest; power++) {
            double place = (double) (power - lowest) / (highest - lowest);
            axis.marks.add(new Mark(place, BigDecimal.valueOf(1, -power).toPlainString()));
        }
        return axis;
    }

    private static double logarithm(double value) {
        return Math.log10(Math.max(value, SMALLEST));
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

    /** Where a value lies: 0 at the beginning, 1 at the end. */
    double place(double value) {
        return (scale.applyAsDouble(value) - low) / (high - low);
    }

    List<Mark> marks() {
        return marks;
    }

    String title() {
        return title;
    }
}
