package dev.rwkv4j.tool.random;

import dev.rwkv4j.tool.random.Distribution.Bell;
import dev.rwkv4j.tool.random.Distribution.Rising;
import dev.rwkv4j.tool.random.Distribution.Uniform;
import dev.rwkv4j.tool.random.MatrixTypes.Kind;
import dev.rwkv4j.tool.random.ModelShape.LowRanks;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A tensor to be written.
 *
 * @param name its GGUF name
 * @param dims fastest first
 * @param kind what kind of matrix it is; nothing for what is always stored as F32
 * @param distribution of its values
 */
record TensorPlan(String name, List<Long> dims, Optional<Kind> kind, Distribution distribution) {
    long elements() {
        return dims.stream().reduce(1L, Math::multiplyExact);
    }

    /** Values in a row. */
    int rowLength() {
        return Math.toIntExact(dims.getFirst());
    }

    /** All tensors of a model, in the order in which they are stored. */
    static List<TensorPlan> of(ModelShape shape) {
        return new Planner(shape).plan();
    }

    /**
     * Scales are chosen so that a vector of unit variance, which is what comes out of a layer norm, leaves a matrix with
     * unit variance: then half of what enters relu² is negative, and sigmoid and tanh see what they see in a trained
     * model. Every branch adds about as much to the residual stream, which therefore grows like the root of the number of
     * layers.
     */
    private static final class Planner {
        /** E[relu(k)⁴] of a normally distributed k of unit variance: what a row of channel_mix_value sums over. */
        private static final float RELU_SQUARED_POWER = 1.5f;

        private final List<TensorPlan> plans = new ArrayList<>();
        private final ModelShape shape;
        private final LowRanks ranks;
        private final int width;
        private String prefix = "";

        Planner(ModelShape shape) {
            this.shape = shape;
            this.ranks = shape.ranks();
            this.width = shape.width();
        }

        List<TensorPlan> plan() {
            add("token_embd", Kind.LARGE, new Bell(0, 1), width, shape.vocabularySize());
            norm("token_embd_norm");
            for (int i = 0; i < shape.layerCount(); i++) {
                prefix = "blk." + i + ".";
                norm("attn_norm");
                norm("attn_norm_2");
                timeMix(i);
                channelMix();
            }
            prefix = "";
            norm("output_norm");
            matrix("output", width, shape.vocabularySize());
            return plans;
        }

        private void timeMix(int layer) {
            matrix("time_mix_receptance", width, width);
            matrix("time_mix_key", width, width);
            matrix("time_mix_value", width, width);
            matrix("time_mix_output", width, width);
            if (shape.version() == Version.V5_2 || shape.version() == Version.V6) {
                matrix("time_mix_gate", width, width);
            }
            switch (shape.version()) {
                case V4 -> timeMix4();
                case V5_0 -> timeMix5(3);
                case V5_2 -> timeMix5(4);
                case V6 -> timeMix6();
                case V7 -> timeMix7(layer);
            }
            if (shape.version() != Version.V4) {
                norm("time_mix_ln");
            }
        }

        private void timeMix4() {
            exact("time_mix_lerp_fused", new Uniform(0, 1), width, 1, 1, 3);
            exact("time_mix_decay", new Rising(-5, 2), width);
            exact("time_mix_first", new Bell(-1, 0.5f), width);
        }

        private void timeMix5(int shifts) {
            exact("time_mix_lerp_fused", new Uniform(0, 1), width, 1, 1, shifts);
            matrixDecay();
        }

        /** A decay and a bonus for each channel of each head: RWKV-5 and 6. */
        private void matrixDecay() {
            exact("time_mix_decay", new Rising(-6, -1), width);
            exact("time_mix_first", new Bell(0.3f, 0.3f), shape.headSize(), shape.headCount());
        }

        private void timeMix6() {
            exact("time_mix_lerp_x", new Uniform(0, 1), width);
            exact("time_mix_lerp_fused", new Uniform(0, 1), width, 1, 1, 5);
            add("time_mix_w1", Kind.LOW_RANK_EXACT, unitVariance(width), width, 5L * ranks.tokenShift());
            add("time_mix_w2", Kind.LOW_RANK_EXACT, new Bell(0, 0.2f / root(ranks.tokenShift())), ranks.tokenShift(),
                    width, 5);
            matrixDecay();
            add("time_mix_decay_w1", Kind.LOW_RANK_EXACT, unitVariance(width), width, ranks.decay());
            add("time_mix_decay_w2", Kind.LOW_RANK_EXACT, new Bell(0, 0.5f / root(ranks.decay())), ranks.decay(),
                    width);
        }

        private void timeMix7(int layer) {
            exact("time_mix_lerp_fused", new Uniform(0, 1), width, 1, 1, 6);
            exact("time_mix_w0", new Rising(-6.5f, -1), width);
            add("time_mix_w1", Kind.LOW_RANK_EXACT, unitVariance(width), width, ranks.decay());
            add("time_mix_w2", Kind.LOW_RANK_EXACT, new Bell(0, 0.5f / root(ranks.decay())), ranks.decay(), width);
            sigmoidGate("time_mix_a", ranks.learningRate());
            // llama.cpp wants these in layer 0 too, where they mean nothing, and with the rank of a.
            sigmoidGate("time_mix_v", layer == 0 ? ranks.learningRate() : ranks.value());
            add("time_mix_g1", Kind.LOW_RANK, unitVariance(width), width, ranks.gate());
            add("time_mix_g2", Kind.LOW_RANK, new Bell(0, 2 / root(ranks.gate())), ranks.gate(), width);
            exact("time_mix_k_k", new Bell(0.8f, 0.1f), width);
            exact("time_mix_k_a", new Bell(1, 0.1f), width);
            exact("time_mix_r_k", new Bell(0, 0.1f), width);
        }

        private void sigmoidGate(String name, int rank) {
            exact(name + "0", new Bell(0, 1), width);
            add(name + "1", Kind.LOW_RANK, unitVariance(width), width, rank);
            add(name + "2", Kind.LOW_RANK, new Bell(0, 0.5f / root(rank)), rank, width);
        }

        private void channelMix() {
            int hidden = shape.channelMixWidth();
            exact("channel_mix_lerp_k", new Uniform(0, 1), width);
            matrix("channel_mix_key", width, hidden);
            add("channel_mix_value", Kind.LARGE, unitVariance(RELU_SQUARED_POWER * hidden), hidden, width);
            if (shape.version() != Version.V7) {
                exact("channel_mix_lerp_r", new Uniform(0, 1), width);
                matrix("channel_mix_receptance", width, width);
            }
        }

        private void norm(String name) {
            exact(name, new Uniform(0.8f, 1.2f), width);
            plan(name + ".bias", Optional.empty(), new Bell(0, 0.1f), width);
        }

        private void matrix(String name, int in, int out) {
            add(name, Kind.LARGE, unitVariance(in), in, out);
        }

        private void exact(String name, Distribution distribution, long... dims) {
            plan(name + ".weight", Optional.empty(), distribution, dims);
        }

        private void add(String name, Kind kind, Distribution distribution, long... dims) {
            plan(name + ".weight", Optional.of(kind), distribution, dims);
        }

        private void plan(String name, Optional<Kind> kind, Distribution distribution, long... dims) {
            plans.add(new TensorPlan(prefix + name, Arrays.stream(dims).boxed().toList(), kind, distribution));
        }

        private static Bell unitVariance(float power) {
            return new Bell(0, 1 / root(power));
        }

        private static float root(float x) {
            return (float) Math.sqrt(x);
        }
    }
}
