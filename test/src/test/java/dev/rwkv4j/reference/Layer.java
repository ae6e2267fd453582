package dev.rwkv4j.reference;

/**
 * One layer's weights, named without {@code blk.INDEX.} in front.
 */
record Layer(Weights weights, int index) {

    private String full(String name) {
        return "blk." + index + "." + name;
    }

    boolean has(String name) {
        return weights.has(full(name));
    }

    /** All values of a tensor. */
    double[] vector(String name) {
        return weights.vector(full(name));
    }

    /** Row {@code row} of a tensor. */
    double[] row(String name, int row) {
        return weights.row(full(name), row);
    }

    /** A matrix times a vector. */
    double[] times(String name, double[] x) {
        return weights.times(full(name), x);
    }

    /** Matrix {@code slice} of a tensor of three dimensions times a vector. */
    double[] timesSlice(String name, int slice, double[] x) {
        return weights.timesSlice(full(name), slice, x);
    }

    double[] norm(String name, double[] x) {
        return weights.norm(full(name), x);
    }

    /** Normalises each head by itself, then scales and shifts all channels. */
    double[] groupNorm(double[] x) {
        return weights.groupNorm(full("time_mix_ln"), x);
    }
}
