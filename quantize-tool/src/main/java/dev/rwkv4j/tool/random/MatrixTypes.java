package dev.rwkv4j.tool.random;

import dev.rwkv4j.gguf.GgmlType;
import java.util.Objects;

/** Chooses the types of a model's matrices. All that is not a matrix is F32. */
@FunctionalInterface
public interface MatrixTypes {
    /** What a matrix is for. */
    enum Kind {
        /** Projections, embedding and head: nearly all of the file. */
        LARGE,
        /** Low-rank matrices that converters store in 16 bits: those of RWKV-7's a, v and g. */
        LOW_RANK,
        /** Low-rank matrices that converters store as F32: those of the decay, and RWKV-6's of the token shift. */
        LOW_RANK_EXACT
    }

    /**
     * The type of a matrix, which is replaced by another one if its rows don't fit: see {@link RandomModel}.
     *
     * @param name its name in the file, for example {@code blk.0.time_mix_key.weight}
     * @param kind what it is for
     * @return its type
     */
    GgmlType of(String name, Kind kind);

    /**
     * The types of a file that llama.cpp's converter or quantiser would call a file of this type; only that embedding and
     * head have it too.
     *
     * @param type of all large matrices
     * @return the types
     */
    static MatrixTypes uniform(GgmlType type) {
        Objects.requireNonNull(type, "type");
        GgmlType lowRank = type == GgmlType.F32 || type == GgmlType.BF16 ? type : GgmlType.F16;
        return (_, kind) -> switch (kind) {
            case LARGE -> type;
            case LOW_RANK -> lowRank;
            case LOW_RANK_EXACT -> GgmlType.F32;
        };
    }
}
