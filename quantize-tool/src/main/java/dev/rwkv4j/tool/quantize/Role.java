package dev.rwkv4j.tool.quantize;

import dev.rwkv4j.tool.convert.OutputTensor;

/** What a matrix does in a model, as far as mixes make a difference. */
enum Role {
    /** Receptance, key and gate of both mixes. */
    PROJECTION,
    /** Value and output of the time mix. */
    TIME_VALUE,
    /** Value of the channel mix. */
    CHANNEL_VALUE,
    /** One row for each token. */
    EMBEDDING,
    /** From the last layer to logits. */
    HEAD,
    /** Low-rank matrices of RWKV-7's a, v and g. */
    LOW_RANK,
    /** Low-rank matrices of the decay, and of RWKV-6's token shift. */
    DECAY,
    /** No matrix. */
    VECTOR;

    static Role of(OutputTensor tensor) {
        return switch (tensor.kind()) {
            case VECTOR -> VECTOR;
            case LOW_RANK -> LOW_RANK;
            case LOW_RANK_EXACT -> DECAY;
            case LARGE -> ofLarge(tensor.name());
        };
    }

    private static Role ofLarge(String name) {
        return switch (name.replaceFirst("^blk\\.\\d+\\.", "")) {
            case "token_embd.weight" -> EMBEDDING;
            case "output.weight" -> HEAD;
            case "time_mix_value.weight", "time_mix_output.weight" -> TIME_VALUE;
            case "channel_mix_value.weight" -> CHANNEL_VALUE;
            default -> PROJECTION;
        };
    }
}
