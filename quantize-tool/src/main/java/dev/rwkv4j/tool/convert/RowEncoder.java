package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.TensorCodec;
import java.lang.foreign.MemorySegment;

/** How the elements of a tensor are encoded. Many threads may use it at once. */
@FunctionalInterface
public interface RowEncoder {
    /** Rounds, as ggml does where that does without a search. */
    RowEncoder PLAIN = (type, floats, _, _, target) -> TensorCodec.encode(type, floats, target);

    /** Searches for the scales that make the squared error small; not for Q8_0, where that costs time and gains nothing. */
    RowEncoder SEARCH = (type, floats, _, rowElements, target) -> {
        if (type == GgmlType.Q8_0) {
            TensorCodec.encode(type, floats, target);
        } else {
            TensorCodec.encodeWithSearch(type, floats, rowElements, MemorySegment.NULL, target);
        }
    };

    /**
     * Encodes rows.
     *
     * @param type what to encode as
     * @param floats whole rows in native memory, which may be written to
     * @param first the place of the first of them in the tensor
     * @param rowElements elements of a row, whole blocks
     * @param target native memory of exactly the encoded length
     * @throws IllegalArgumentException if an element has no place in the type
     */
    void encode(GgmlType type, MemorySegment floats, long first, long rowElements, MemorySegment target);
}
