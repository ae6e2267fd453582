package dev.rwkv4j.reference;

import static dev.rwkv4j.reference.Vectors.lerp;
import static dev.rwkv4j.reference.Vectors.map;
import static dev.rwkv4j.reference.Vectors.multiply;

import java.util.Arrays;

/** RWKV-4: a running weighted mean for each channel. */
final class Rwkv4 extends ReferenceModel {

    Rwkv4(Weights weights) {
        super(weights);
    }

    /** Numerator aa and denominator bb, both scaled by {@code e^-pp}; then pp. */
    @Override
    double[] freshWkv() {
        int width = weights().width();
        double[] wkv = new double[3 * width];
        Arrays.fill(wkv, 2 * width, 3 * width, -1e30);
        return wkv;
    }

    @Override
    double[] timeMix(Layer layer, double[] h, double[] previous, double[] wkv) {
        double[] k = layer.times("time_mix_key", lerp(h, previous, layer.row("time_mix_lerp_fused", 0)));
        double[] v = layer.times("time_mix_value", lerp(h, previous, layer.row("time_mix_lerp_fused", 1)));
        double[] r = layer.times("time_mix_receptance", lerp(h, previous, layer.row("time_mix_lerp_fused", 2)));
        double[] w = map(layer.vector("time_mix_decay"), decay -> -Math.exp(decay));
        double[] u = layer.vector("time_mix_first");

        int width = k.length;
        double[] mean = new double[width];
        for (int c = 0; c < width; c++) {
            double aa = wkv[c];
            double bb = wkv[width + c];
            double pp = wkv[2 * width + c];

            double q = Math.max(pp, u[c] + k[c]);
            double past = Math.exp(pp - q);
            double present = Math.exp(u[c] + k[c] - q);
            mean[c] = (past * aa + present * v[c]) / (past * bb + present);

            q = Math.max(pp + w[c], k[c]);
            past = Math.exp(pp + w[c] - q);
            present = Math.exp(k[c] - q);
            wkv[c] = past * aa + present * v[c];
            wkv[width + c] = past * bb + present;
            wkv[2 * width + c] = q;
        }
        return layer.times("time_mix_output", multiply(map(r, Vectors::sigmoid), mean));
    }
}
