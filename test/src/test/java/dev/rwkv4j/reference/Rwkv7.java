package dev.rwkv4j.reference;

import static dev.rwkv4j.reference.Vectors.add;
import static dev.rwkv4j.reference.Vectors.lerp;
import static dev.rwkv4j.reference.Vectors.map;
import static dev.rwkv4j.reference.Vectors.multiply;
import static dev.rwkv4j.reference.Vectors.putSlice;
import static dev.rwkv4j.reference.Vectors.slice;
import static dev.rwkv4j.reference.Vectors.toUnitLength;

/** RWKV-7: a matrix for each head, updated by the delta rule. */
final class Rwkv7 extends ReferenceModel {
    /** Layer 0's v of the token that is being evaluated, for the layers above. */
    private double[] firstValue;

    Rwkv7(Weights weights) {
        super(weights);
    }

    /** S[head][value][key]. */
    @Override
    double[] freshWkv() {
        return new double[weights().width() * weights().headSize()];
    }

    @Override
    double[] timeMix(Layer layer, double[] h, double[] previous, double[] wkv) {
        double[] xr = lerp(h, previous, layer.row("time_mix_lerp_fused", 0));
        double[] xw = lerp(h, previous, layer.row("time_mix_lerp_fused", 1));
        double[] xk = lerp(h, previous, layer.row("time_mix_lerp_fused", 2));
        double[] xv = lerp(h, previous, layer.row("time_mix_lerp_fused", 3));
        double[] xa = lerp(h, previous, layer.row("time_mix_lerp_fused", 4));
        double[] xg = lerp(h, previous, layer.row("time_mix_lerp_fused", 5));

        double[] r = layer.times("time_mix_receptance", xr);
        double[] k = layer.times("time_mix_key", xk);
        double[] v = layer.times("time_mix_value", xv);
        double[] wLow = map(layer.times("time_mix_w1", xw), Math::tanh);
        double[] w = map(
                add(layer.vector("time_mix_w0"), layer.times("time_mix_w2", wLow)),
                value -> Math.exp(-Math.exp(-0.5) * Vectors.sigmoid(value)));
        double[] a = gate(layer, "time_mix_a", xa);
        double[] gLow = map(layer.times("time_mix_g1", xg), Vectors::sigmoid);
        double[] g = layer.times("time_mix_g2", gLow);

        double[] kappa = eachHeadToUnitLength(multiply(k, layer.vector("time_mix_k_k")));
        k = multiply(k, map(a, layer.vector("time_mix_k_a"), (ai, ka) -> 1 + (ai - 1) * ka));
        if (layer.index() == 0) {
            firstValue = v;
        } else {
            v = lerp(v, firstValue, gate(layer, "time_mix_v", xv));
        }

        double[] y = layer.groupNorm(recurrence(r, w, k, v, kappa, a, wkv));
        y = add(y, bonus(r, k, layer.vector("time_mix_r_k"), v));
        return layer.times("time_mix_output", multiply(y, g));
    }

    /** {@code sigmoid(x0 + X2 X1 x)}: how a and the share of the first layer's v are made. */
    private static double[] gate(Layer layer, String name, double[] x) {
        double[] low = layer.times(name + "1", x);
        return map(add(layer.vector(name + "0"), layer.times(name + "2", low)), Vectors::sigmoid);
    }

    private double[] eachHeadToUnitLength(double[] x) {
        int n = weights().headSize();
        double[] y = new double[x.length];
        for (int head = 0; head < x.length / n; head++) {
            putSlice(y, head, toUnitLength(slice(x, head, n)));
        }
        return y;
    }

    private double[] recurrence(
            double[] r, double[] w, double[] k, double[] v, double[] kappa, double[] a, double[] s) {
        int n = weights().headSize();
        double[] y = new double[v.length];
        for (int i = 0; i < v.length; i++) {
            int head = i / n * n;
            double removed = 0;
            for (int j = 0; j < n; j++) {
                removed += s[i * n + j] * kappa[head + j];
            }
            for (int j = 0; j < n; j++) {
                int key = head + j;
                s[i * n + j] = s[i * n + j] * w[key] - removed * kappa[key] * a[key] + v[i] * k[key];
                y[i] += s[i * n + j] * r[key];
            }
        }
        return y;
    }

    /** For each head {@code (r . (k r_k)) v}. */
    private double[] bonus(double[] r, double[] k, double[] rk, double[] v) {
        int n = weights().headSize();
        double[] y = new double[v.length];
        for (int i = 0; i < v.length; i++) {
            for (int j = i / n * n; j < i / n * n + n; j++) {
                y[i] += r[j] * k[j] * rk[j] * v[i];
            }
        }
        return y;
    }

    @Override
    double[] channelMix(Layer layer, double[] h, double[] previous) {
        double[] k = layer.times("channel_mix_key", lerp(h, previous, layer.vector("channel_mix_lerp_k")));
        return layer.times("channel_mix_value", map(k, Vectors::reluSquared));
    }
}
