package dev.rwkv4j.reference;

import static dev.rwkv4j.reference.Vectors.add;
import static dev.rwkv4j.reference.Vectors.lerp;
import static dev.rwkv4j.reference.Vectors.map;
import static dev.rwkv4j.reference.Vectors.multiply;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufFormatException;
import java.util.ArrayList;
import java.util.List;

/**
 * RWKV in double precision, one token at a time: the equations and nothing else, for tests to compare the engine with.
 * It shares only the reader of files with the engine. Slow, and one thread at a time.
 *
 * <p>Weights have the meaning they have in GGUF files: a lerp is the weight of the previous token, a decay is raw, a
 * low-rank matrix is an ordinary {@code [out][in]} matrix.
 */
public abstract sealed class ReferenceModel permits Rwkv4, Rwkv56, Rwkv7 {
    private final Weights weights;
    private final List<Layer> layers = new ArrayList<>();

    ReferenceModel(Weights weights) {
        this.weights = weights;
        for (int i = 0; i < weights.layerCount(); i++) {
            layers.add(new Layer(weights, i));
        }
    }

    /**
     * Decodes all weights of a file into memory; the file may be closed afterwards.
     *
     * @throws GgufFormatException if a hyperparameter is missing
     */
    public static ReferenceModel load(GgufFile file, Activations activations) throws GgufFormatException {
        Weights weights = new Weights(file, activations);
        return switch (weights.version()) {
            case 4 -> new Rwkv4(weights);
            case 5, 6 -> new Rwkv56(weights);
            case 7 -> new Rwkv7(weights);
            default -> throw new IllegalArgumentException("RWKV-" + weights.version());
        };
    }

    /** The state of an empty text. */
    public final ReferenceState newState() {
        return new ReferenceState(layers.size(), weights.width(), this::freshWkv);
    }

    /** Feeds one token. Changes {@code state} and returns the logits after it. */
    public final double[] evaluate(ReferenceState state, int token) {
        double[] x = weights.norm("token_embd_norm", weights.row("token_embd", token));
        for (Layer layer : layers) {
            ReferenceState.OfLayer remembered = state.layer(layer.index());

            double[] h = layer.norm("attn_norm", x);
            x = add(x, timeMix(layer, h, remembered.timeMixShift, remembered.wkv));
            remembered.timeMixShift = h;

            h = layer.norm("attn_norm_2", x);
            x = add(x, channelMix(layer, h, remembered.channelMixShift));
            remembered.channelMixShift = h;
        }
        return weights.times("output", weights.norm("output_norm", x));
    }

    /** Feeds tokens one by one and returns the logits after the last. */
    public final double[] evaluate(ReferenceState state, int... tokens) {
        double[] logits = {};
        for (int token : tokens) {
            logits = evaluate(state, token);
        }
        return logits;
    }

    /** What one layer remembers besides its shift vectors, for an empty text. */
    abstract double[] freshWkv();

    /**
     * @param h the normalised input
     * @param previous that of the previous token
     * @param wkv what {@link #freshWkv} made, to be updated
     */
    abstract double[] timeMix(Layer layer, double[] h, double[] previous, double[] wkv);

    /** Versions 4 to 6; version 7 has no receptance. */
    double[] channelMix(Layer layer, double[] h, double[] previous) {
        double[] k = layer.times("channel_mix_key", lerp(h, previous, layer.vector("channel_mix_lerp_k")));
        double[] value = layer.times("channel_mix_value", map(k, Vectors::reluSquared));
        double[] r = layer.times("channel_mix_receptance", lerp(h, previous, layer.vector("channel_mix_lerp_r")));
        return multiply(map(r, Vectors::sigmoid), value);
    }

    final Weights weights() {
        return weights;
    }
}
