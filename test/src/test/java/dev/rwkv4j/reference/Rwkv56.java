package dev.rwkv4j.reference;

import static dev.rwkv4j.reference.Vectors.add;
import static dev.rwkv4j.reference.Vectors.lerp;
import static dev.rwkv4j.reference.Vectors.map;
import static dev.rwkv4j.reference.Vectors.multiply;
import static dev.rwkv4j.reference.Vectors.slice;

/**
 * RWKV-5 and 6: a matrix for each head. They share the recurrence; 6 makes the token shifts and the decay depend on the
 * token.
 */
final class Rwkv56 extends ReferenceModel {

    Rwkv56(Weights weights) {
        super(weights);
    }

    /** S[head][value][key]. */
    @Override
    double[] freshWkv() {
        return new double[weights().width() * weights().headSize()];
    }

    @Override
    double[] timeMix(Layer layer, double[] h, double[] previous, double[] wkv) {
        return weights().version() == 5
                ? timeMix5(layer, h, previous, wkv)
                : timeMix6(layer, h, previous, wkv);
    }

    private double[] timeMix5(Layer layer, double[] h, double[] previous, double[] wkv) {
        double[] k = layer.times("time_mix_key", lerp(h, previous, layer.row("time_mix_lerp_fused", 0)));
        double[] v = layer.times("time_mix_value", lerp(h, previous, layer.row("time_mix_lerp_fused", 1)));
        double[] r = layer.times("time_mix_receptance", lerp(h, previous, layer.row("time_mix_lerp_fused", 2)));
        double[] w = decay(layer.vector("time_mix_decay"));

        double[] y = layer.groupNorm(recurrence(r, k, v, w, layer.vector("time_mix_first"), wkv));
        if (layer.has("time_mix_gate")) {
            double[] g = layer.times("time_mix_gate", lerp(h, previous, layer.row("time_mix_lerp_fused", 3)));
            y = multiply(y, map(g, Vectors::silu));
        }
        return layer.times("time_mix_output", y);
    }

    private double[] timeMix6(Layer layer, double[] h, double[] previous, double[] wkv) {
        double[] all = lerp(h, previous, layer.vector("time_mix_lerp_x"));
        double[] z = map(layer.times("time_mix_w1", all), Math::tanh);
        double[] w6 = decay(layer, shifted(layer, h, previous, z, 0, "w"));
        double[] k = layer.times("time_mix_key", shifted(layer, h, previous, z, 1, "k"));
        double[] v = layer.times("time_mix_value", shifted(layer, h, previous, z, 2, "v"));
        double[] r = layer.times("time_mix_receptance", shifted(layer, h, previous, z, 3, "r"));
        double[] g = layer.times("time_mix_gate", shifted(layer, h, previous, z, 4, "g"));

        double[] y = layer.groupNorm(recurrence(r, k, v, w6, layer.vector("time_mix_first"), wkv));
        return layer.times("time_mix_output", multiply(y, map(g, Vectors::silu)));
    }

    /** {@code lerp(h, previous, m + M z)} with one of five groups; older files keep the five vectors m apart. */
    private static double[] shifted(Layer layer, double[] h, double[] previous, double[] z, int group, String name) {
        double[] m = layer.has("time_mix_lerp_fused")
                ? layer.row("time_mix_lerp_fused", group)
                : layer.vector("time_mix_lerp_" + name);
        double[] dynamic = layer.timesSlice("time_mix_w2", group, slice(z, group, z.length / 5));
        return lerp(h, previous, add(m, dynamic));
    }

    private static double[] decay(Layer layer, double[] x) {
        double[] low = map(layer.times("time_mix_decay_w1", x), Math::tanh);
        return decay(add(layer.vector("time_mix_decay"), layer.times("time_mix_decay_w2", low)));
    }

    private static double[] decay(double[] raw) {
        return map(raw, value -> Math.exp(-Math.exp(value)));
    }

    private double[] recurrence(double[] r, double[] k, double[] v, double[] w, double[] u, double[] s) {
        int n = weights().headSize();
        double[] y = new double[v.length];
        for (int i = 0; i < v.length; i++) {
            int head = i / n * n;
            for (int j = 0; j < n; j++) {
                double fresh = k[head + j] * v[i];
                y[i] += r[head + j] * (s[i * n + j] + u[head + j] * fresh);
                s[i * n + j] = w[head + j] * s[i * n + j] + fresh;
            }
        }
        return y;
    }
}
