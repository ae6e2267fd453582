package dev.rwkv4j.tool.convert;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * Which tensors a GGUF file has, and what of a checkpoint each of them is made of. Values have one meaning in all
 * versions: a lerp is the weight of the previous token, a decay is raw, a first is used as it is, for each channel, and
 * a low-rank matrix is an ordinary [out, in] matrix.
 */
final class ModelLayout {
    private static final UnaryOperator<CheckpointTensor> AS_IT_IS = UnaryOperator.identity();

    private final NamedTensors tensors;
    private final ModelSizes sizes;
    private final long width;

    /** Checkpoints of versions 4 and 5 have the weight of the current token. */
    private final UnaryOperator<CheckpointTensor> toPrevious;

    private final List<OutputTensor> outputs = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();

    /** Prefixes of the block that is being laid out: GGUF's and BlinkDL's. */
    private String target = "";

    private String source = "";

    private ModelLayout(NamedTensors tensors, ModelSizes sizes) {
        this.tensors = tensors;
        this.sizes = sizes;
        this.width = sizes.width();
        this.toPrevious = tensors.lerpsOfPrevious() ? AS_IT_IS : tensor -> tensor.mapped(m -> 1 - m);
    }

    /** Lays out a model; afterwards every tensor of the checkpoint is accounted for. */
    static ModelLayout of(NamedTensors tensors, ModelSizes sizes) throws CheckpointFormatException {
        ModelLayout layout = new ModelLayout(tensors, sizes);
        layout.model();
        tensors.checkAllUsed();
        return layout;
    }

    /** In the order of the file. */
    List<OutputTensor> outputs() {
        return outputs;
    }

    /** What of the checkpoint is not in the file though it has a meaning. */
    List<String> notes() {
        return notes;
    }

    private void model() throws CheckpointFormatException {
        matrix("token_embd", "emb.weight", sizes.vocabulary(), width);
        if (tensors.has("blocks.0.ln0.weight")) {
            norm("token_embd_norm", "blocks.0.ln0");
        }
        for (int i = 0; i < sizes.layers(); i++) {
            target = "blk." + i + ".";
            source = "blocks." + i + ".";
            block(i);
        }
        target = "";
        source = "";
        norm("output_norm", "ln_out");
        matrix("output", "head.weight", sizes.vocabulary(), width);
    }

    private void block(int layer) throws CheckpointFormatException {
        norm("attn_norm", "ln1");
        norm("attn_norm_2", "ln2");
        matrix("time_mix_receptance", "att.receptance.weight", width, width);
        matrix("time_mix_key", "att.key.weight", width, width);
        matrix("time_mix_value", "att.value.weight", width, width);
        matrix("time_mix_output", "att.output.weight", width, width);
        switch (sizes.version()) {
            case 4 -> timeMix4();
            case 5 -> timeMix5();
            case 6 -> timeMix6();
            default -> timeMix7(layer);
        }
        matrix("channel_mix_key", "ffn.key.weight", sizes.hidden(), width);
        matrix("channel_mix_value", "ffn.value.weight", width, sizes.hidden());
        if (tensors.has(source + "att.time_state")) {
            skipState(layer);
        }
    }

    private void skipState(int layer) {
        tensors.skip(source + "att.time_state");
        if (layer == 0) {
            notes.add(
                    "The checkpoint has a tuned initial state (time_state), for which GGUF has no place: the new file "
                            + "is the model without it, which begins with an empty state.");
        }
    }

    private void timeMix4() throws CheckpointFormatException {
        lerps(toPrevious, "att.time_mix_k", "att.time_mix_v", "att.time_mix_r");
        vector("time_mix_decay", "att.time_decay");
        vector("time_mix_first", "att.time_first");
        channelMixWithReceptance("ffn.time_mix_k", "ffn.time_mix_r", toPrevious);
    }

    /** 5.0 has no gate; 5.0 and 5.1 have one decay and one first for each head, 5.2 for each channel. */
    private void timeMix5() throws CheckpointFormatException {
        if (tensors.has("blocks.0.att.gate.weight")) {
            lerps(toPrevious, "att.time_mix_k", "att.time_mix_v", "att.time_mix_r", "att.time_mix_g");
            matrix("time_mix_gate", "att.gate.weight", width, width);
        } else {
            lerps(toPrevious, "att.time_mix_k", "att.time_mix_v", "att.time_mix_r");
        }
        exact("time_mix_decay", eachChannel("att.time_decay"), width);
        exact("time_mix_first", first5(), sizes.headSize(), sizes.heads());
        norm("time_mix_ln", "att.ln_x");
        channelMixWithReceptance("ffn.time_mix_k", "ffn.time_mix_r", toPrevious);
    }

    /** A time_first for each head is a logarithm; one for each channel is a time_faaaa that somebody has renamed. */
    private CheckpointTensor first5() throws CheckpointFormatException {
        if (tensors.has(source + "att.time_faaaa")) {
            return eachChannel("att.time_faaaa");
        }
        CheckpointTensor first = eachChannel("att.time_first");
        boolean logarithm = tensors.get(source + "att.time_first").elements() == sizes.heads();
        return logarithm ? first.mapped(Math::exp) : first;
    }

    private CheckpointTensor eachChannel(String name) throws CheckpointFormatException {
        CheckpointTensor tensor = tensors.unquantized(source + name);
        return tensor.elements() == sizes.heads()
                ? tensor.repeated(sizes.headSize())
                : tensors.vector(source + name, width);
    }

    private void timeMix6() throws CheckpointFormatException {
        long shiftRank = sizes.ranks()[0];
        long decayRank = sizes.ranks()[1];
        vector("time_mix_lerp_x", "att.time_maa_x");
        lerps(AS_IT_IS, "att.time_maa_w", "att.time_maa_k", "att.time_maa_v", "att.time_maa_r", "att.time_maa_g");
        lowRank("time_mix_w1", "att.time_maa_w1", 5 * shiftRank, width);
        exact("time_mix_w2", tensors.lowRanks(source + "att.time_maa_w2", 5, width, shiftRank), shiftRank, width, 5);
        vector("time_mix_decay", "att.time_decay");
        lowRank("time_mix_decay_w1", "att.time_decay_w1", decayRank, width);
        lowRank("time_mix_decay_w2", "att.time_decay_w2", width, decayRank);
        exact("time_mix_first", tensors.vector(source + "att.time_faaaa", width), sizes.headSize(), sizes.heads());
        matrix("time_mix_gate", "att.gate.weight", width, width);
        norm("time_mix_ln", "att.ln_x");
        channelMixWithReceptance("ffn.time_maa_k", "ffn.time_maa_r", AS_IT_IS);
    }

    private void timeMix7(int layer) throws CheckpointFormatException {
        lerps(AS_IT_IS, "att.x_r", "att.x_w", "att.x_k", "att.x_v", "att.x_a", "att.x_g");
        adapter("w", "w", sizes.ranks()[0]);
        adapter("a", "a", sizes.ranks()[1]);
        if (layer == 0) {
            // They mean nothing here, but llama.cpp wants them, and with the rank of a.
            adapter("v", "a", sizes.ranks()[1]);
            Stream.of("v0", "v1", "v2").forEach(name -> tensors.skip(source + "att." + name));
        } else {
            adapter("v", "v", sizes.ranks()[2]);
        }
        lowRank("time_mix_g1", "att.g1", sizes.ranks()[3], width);
        lowRank("time_mix_g2", "att.g2", width, sizes.ranks()[3]);
        vector("time_mix_k_k", "att.k_k");
        vector("time_mix_k_a", "att.k_a");
        vector("time_mix_r_k", "att.r_k");
        norm("time_mix_ln", "att.ln_x");
        vector("channel_mix_lerp_k", "ffn.x_k");
    }

    /** A vector and two low-rank matrices. */
    private void adapter(String targetLetter, String sourceLetter, long rank)
            throws CheckpointFormatException {
        vector("time_mix_" + targetLetter + "0", "att." + sourceLetter + "0");
        lowRank("time_mix_" + targetLetter + "1", "att." + sourceLetter + "1", rank, width);
        lowRank("time_mix_" + targetLetter + "2", "att." + sourceLetter + "2", width, rank);
    }

    private void channelMixWithReceptance(String lerpK, String lerpR, UnaryOperator<CheckpointTensor> change)
            throws CheckpointFormatException {
        exact("channel_mix_lerp_k", change.apply(tensors.vector(source + lerpK, width)), width);
        exact("channel_mix_lerp_r", change.apply(tensors.vector(source + lerpR, width)), width);
        matrix("channel_mix_receptance", "ffn.receptance.weight", width, width);
    }

    private void lerps(UnaryOperator<CheckpointTensor> change, String... names) throws CheckpointFormatException {
        List<CheckpointTensor> parts = new ArrayList<>();
        for (String name : names) {
            parts.add(change.apply(tensors.vector(source + name, width)));
        }
        outputs.add(new OutputTensor(target + "time_mix_lerp_fused.weight",
                List.of(width, 1L, 1L, (long) names.length), parts));
    }

    private void norm(String name, String sourceName) throws CheckpointFormatException {
        vector(name, sourceName + ".weight");
        outputs.add(OutputTensor.of(target + name + ".bias",
                tensors.vector(source + sourceName + ".bias", width), width));
    }

    private void vector(String name, String sourceName) throws CheckpointFormatException {
        exact(name, tensors.vector(source + sourceName, width), width);
    }

    private void exact(String name, CheckpointTensor tensor, long... dims) {
        outputs.add(OutputTensor.of(target + name + ".weight", tensor, dims));
    }

    private void matrix(String name, String sourceName, long rows, long columns) throws CheckpointFormatException {
        add(name, tensors.matrix(source + sourceName, rows, columns));
    }

    private void lowRank(String name, String sourceName, long rows, long columns)
            throws CheckpointFormatException {
        add(name, tensors.lowRank(source + sourceName, rows, columns));
    }

    private void add(String name, CheckpointTensor matrix) {
        long[] shape = matrix.shape();
        outputs.add(OutputTensor.of(target + name + ".weight", matrix, shape[1], shape[0]));
    }
}
