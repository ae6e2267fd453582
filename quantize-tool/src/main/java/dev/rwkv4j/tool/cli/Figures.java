package dev.rwkv4j.tool.cli;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** How figures are written for people: three significant digits and a unit. */
public final class Figures {
    private static final String[] BYTES = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
    private static final String[] COUNTS = {"", " thousand", " million", " billion", " trillion"};

    private static final int DIGITS = 3;

    private Figures() {
    }

    /** A length, for example {@code 1.53 GB} (1 GB = 10⁹ bytes). */
    public static String bytes(long bytes) {
        return bytes == 1 ? "1 byte" : scaled(bytes, BYTES, " ");
    }

    /** A number of things, for example {@code 191 million}. */
    public static String count(long count) {
        return scaled(count, COUNTS, "");
    }

    /** An exact number, for example {@code 100,000}. */
    public static String grouped(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }

    /** So many of a thing, for example {@code 1 token} or {@code 12 tokens}. */
    public static String of(int number, String thing) {
        return number + " " + thing + (number == 1 ? "" : "s");
    }

    /** A time, for example {@code 0.42 s}, {@code 12 s}, {@code 3:05 min} or {@code 2:10 h}. */
    public static String seconds(double seconds) {
        if (seconds < 9.95) {
            return String.format(Locale.ROOT, seconds < 0.995 ? "%.2f s" : "%.1f s", seconds);
        }
        long whole = Math.round(seconds);
        if (whole < 60) {
            return whole + " s";
        }
        return whole < 3600
                ? String.format(Locale.ROOT, "%d:%02d min", whole / 60, whole % 60)
                : String.format(Locale.ROOT, "%d:%02d h", whole / 3600, whole % 3600 / 60);
    }

    /** Three significant digits, for example {@code 0.0123}, {@code 18.8} or {@code 932}. */
    public static String significant(double value) {
        if (!Double.isFinite(value)) {
            return Double.toString(value);
        }
        BigDecimal exact = new BigDecimal(value);
        BigDecimal rounded = exact.round(new MathContext(DIGITS));
        int beforePoint = rounded.precision() - rounded.scale();
        return exact.setScale(Math.max(0, DIGITS - beforePoint), RoundingMode.HALF_EVEN).toPlainString();
    }

    /**
     * A measured value and its standard error, for example {@code 12.34 ± 0.15}: two digits of the error, and the value to
     * the same place. The value alone if the error is not known.
     */
    public static String withError(double value, double error) {
        if (!(error > 0 && error < Double.POSITIVE_INFINITY)) {
            return significant(value);
        }
        BigDecimal rounded = new BigDecimal(error).round(new MathContext(2));
        int scale = Math.max(0, rounded.scale());
        return new BigDecimal(value).setScale(scale, RoundingMode.HALF_EVEN).toPlainString() + " ± "
                + rounded.setScale(scale, RoundingMode.HALF_EVEN).toPlainString();
    }

    /** Without a fraction where it has none. */
    public static String plain(double value) {
        return value == (long) value ? Long.toString((long) value) : Double.toString(value);
    }

    /** The items with commas between them, and "or" before the last. */
    public static String list(List<?> items) {
        String commas = items.stream().limit(Math.max(1, items.size() - 1L)).map(Object::toString)
                .collect(Collectors.joining(", "));
        return items.size() < 2 ? commas : commas + " or " + items.getLast();
    }

    private static String scaled(long value, String[] units, String gap) {
        if (value < 1000) {
            return value + gap + units[0];
        }
        double rest = value;
        int unit = 0;
        while (rest >= 999.5 && unit < units.length - 1) {
            rest /= 1000;
            unit++;
        }
        return significant(rest) + gap + units[unit];
    }
}
