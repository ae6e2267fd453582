package dev.rwkv4j.tool.chart;

/**
 * In which unit an axis is marked.
 *
 * @param name for example {@code MB}
 * @param size what it is in the unit of the values
 */
public record Unit(String name, double size) {
    private static final String[] BYTES = {"bytes", "kB", "MB", "GB", "TB"};
    private static final String[] COUNTS = {"", "thousand ", "million ", "billion "};
    private static final double MINUTE = 60;
    private static final double HOUR = 3600;

    /** From as many of a larger unit on it is used. */
    private static final double ENOUGH = 3;

    /** Of values up to so many bytes. */
    public static Unit ofBytes(double most) {
        int power = power(most, BYTES.length);
        return new Unit(BYTES[power], Math.pow(1000, power));
    }

    /** Of values up to so many things, for example {@code thousand tokens}. */
    public static Unit ofCount(double most, String things) {
        int power = power(most, COUNTS.length);
        return new Unit(COUNTS[power] + things, Math.pow(1000, power));
    }

    /** Of values up to so many seconds. */
    public static Unit ofSeconds(double most) {
        if (most < ENOUGH * MINUTE) {
            return new Unit("s", 1);
        }
        return most < ENOUGH * HOUR ? new Unit("min", MINUTE) : new Unit("h", HOUR);
    }

    private static int power(double most, int units) {
        return (int) Math.min(units - 1, Math.max(0, Math.log10(most) / 3));
    }
}
