package dev.rwkv4j.reference;

/** What becomes of a vector before it is multiplied by a matrix of a block format. */
public enum Activations {
    /** Nothing: exact arithmetic on the stored weights. */
    EXACT,

    /**
     * Rounded to 8-bit integers with a scale for each 32, {@code max|x| / 127}, as engines do for the sake of the
     * processor's integer units. Shows what of a difference to exact arithmetic comes from there.
     */
    INT8;

    private static final int GROUP = 32;

    double[] of(double[] x) {
        return switch (this) {
            case EXACT -> x;
            case INT8 -> rounded(x);
        };
    }

    private static double[] rounded(double[] x) {
        double[] y = new double[x.length];
        for (int begin = 0; begin < x.length; begin += GROUP) {
            double largest = 0;
            for (int i = begin; i < begin + GROUP; i++) {
                largest = Math.max(largest, Math.abs(x[i]));
            }
            double scale = largest / 127;
            for (int i = begin; i < begin + GROUP && scale > 0; i++) {
                y[i] = scale * Math.rint(x[i] / scale);
            }
        }
        return y;
    }
}
