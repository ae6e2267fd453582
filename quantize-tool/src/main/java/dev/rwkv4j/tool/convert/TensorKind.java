package dev.rwkv4j.tool.convert;

import java.util.List;
import java.util.regex.Pattern;

/** What a tensor of a GGUF file is for, as far as its type depends on it. */
public enum TensorKind {
    /** Projections, embedding and head: nearly all of the file. What quantisation is about. */
    LARGE,
    /** Low-rank matrices that llama.cpp's converter stores in 16 bits, and its quantiser leaves alone. */
    LOW_RANK,
    /** Low-rank matrices that llama.cpp's converter stores as F32, and its quantiser leaves alone. */
    LOW_RANK_EXACT,
    /** All else: F32. */
    VECTOR;

    private static final Pattern VECTORS = Pattern.compile(".*(_norm|time_mix_first|time_mix_lerp_\\w+)\\.weight");

    private static final Pattern NOT_MULTIPLIED = Pattern
            .compile("token_embd\\.weight|blk\\.0\\.time_mix_v[12]\\.weight");

    private static final Pattern LOW_RANKS = Pattern.compile(".*time_mix_[avg][12]\\.weight");

    private static final Pattern EXACT_LOW_RANKS = Pattern.compile(".*time_mix_(decay_)?w[12]\\.weight");

    /**
     * The kind of a tensor.
     *
     * @param name its GGUF name
     * @param dims its dimensions, fastest first
     * @return the kind
     */
    public static TensorKind of(String name, List<Long> dims) {
        boolean isVector = dims.stream().skip(1).allMatch(size -> size == 1);
        if (isVector || !name.endsWith(".weight") || VECTORS.matcher(name).matches()) {
            return VECTOR;
        }
        if (EXACT_LOW_RANKS.matcher(name).matches()) {
            return LOW_RANK_EXACT;
        }
        return LOW_RANKS.matcher(name).matches() ? LOW_RANK : LARGE;
    }

    /**
     * Whether a model multiplies vectors by a tensor: all matrices but the embedding, stacks of matrices, and those of
     * RWKV-7's first layer that only have to be there.
     *
     * @param name its GGUF name
     * @param dims its dimensions, fastest first
     * @return whether it does
     */
    public static boolean isMultiplied(String name, List<Long> dims) {
        return of(name, dims) != VECTOR && dims.stream().skip(2).allMatch(size -> size == 1)
                && !NOT_MULTIPLIED.matcher(name).matches();
    }

    /** {@return whether a converter stores it as F32 whatever the type of the file} */
    public boolean isExact() {
        return this == VECTOR || this == LOW_RANK_EXACT;
    }
}
