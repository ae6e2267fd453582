package dev.rwkv4j.gguf;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.rwkv4j.bindings.NativeCalls;
import dev.rwkv4j.bindings.RwkvNativeException;
import dev.rwkv4j.bindings.RwkvStatus;
import dev.rwkv4j.bindings.rwkv_h;
import java.lang.foreign.MemorySegment;

/**
 * Turns floats into the element types of tensors and back, in the native library.
 *
 * <p>Any number of threads may use it at once.
 */
public final class TensorCodec {
    private TensorCodec() {
    }

    /**
     * Encodes floats. BF16 and the blocks of 32 elements except IQ4_NL come out as ggml writes them, bit for bit; for
     * IQ4_NL and the blocks of 256 scales are searched that make the squared error small.
     *
     * @param type what to encode as
     * @param source floats in native memory, in whole blocks, all finite if the type is a block format
     * @param target native memory of exactly the encoded length, {@code type.bytes(elements)}
     * @throws IllegalArgumentException if the lengths don't fit together, a value isn't finite, or a segment lies on the heap
     */
    public static void encode(GgmlType type, MemorySegment source, MemorySegment target) {
        call(type, error -> rwkv_h.rwkv_encode(type.id(), source, elements(source), target, target.byteSize(), error));
    }

    /**
     * Encodes floats with a search for the scales that make the sum of importance times squared error small in each block.
     * It takes several times as long as {@link #encode} where that does without a search, and the result is never
     * worse. Float types are rounded to the nearest.
     *
     * @param type what to encode as
     * @param source floats in native memory, in whole rows, all finite if the type is a block format
     * @param rowElements length of a row, whole blocks
     * @param importance how much the error of each element of a row counts: as many floats in native memory, finite and
     *     not negative; {@link MemorySegment#NULL} for all alike
     * @param target native memory of exactly the encoded length, {@code type.bytes(elements)}
     * @throws IllegalArgumentException if the lengths don't fit together, a value isn't finite or an importance negative,
     *     or a segment lies on the heap
     */
    public static void encodeWithSearch(
            GgmlType type, MemorySegment source, long rowElements, MemorySegment importance, MemorySegment target) {
        if (!importance.equals(MemorySegment.NULL) && elements(importance) != rowElements) {
            throw new IllegalArgumentException(
                    elements(importance) + " floats of importance for rows of " + rowElements + " elements");
        }
        call(type, error -> rwkv_h.rwkv_encode_search(type.id(), source, elements(source), importance, rowElements,
                target, target.byteSize(), error));
    }

    /**
     * Makes factors and a correction for {@link #encodeWithFeedback}, in place.
     *
     * @param sums what {@link dev.rwkv4j.RwkvCalibration#watch} has added up for a matrix: becomes the factors
     * @param drift likewise: becomes the correction
     * @param columns of the matrix
     * @param blockColumns with which it was watched
     * @throws IllegalArgumentException if the lengths don't fit together, or inputs of the matrix were not finite
     * @throws OutOfMemoryError if there is too little memory
     */
    public static void prepareFeedback(MemorySegment sums, MemorySegment drift, long columns, int blockColumns) {
        requireBlocks(sums, columns, blockColumns);
        requireBlocks(drift, columns, blockColumns);
        call(error -> rwkv_h.rwkv_feedback_prepare(sums, drift, columns, blockColumns, error));
    }

    /**
     * Encodes floats with error feedback: rows are corrected for what has become of their inputs, and the error of each
     * element is made good, as well as may be, by those after it in its row, so that products with typical inputs change
     * little. Scales are searched for as with {@link #encodeWithSearch}. Float types are rounded to the nearest.
     *
     * @param type what to encode as
     * @param source floats in native memory, in whole rows, all finite if the type is a block format; changed on the way
     * @param rowElements length of a row, whole blocks
     * @param factors of the matrix, from {@link #prepareFeedback}
     * @param correction of the matrix, from {@link #prepareFeedback}
     * @param blockColumns of both: whole blocks of the type, or at least a row
     * @param target native memory of exactly the encoded length, {@code type.bytes(elements)}
     * @throws IllegalArgumentException if the lengths don't fit together, a value isn't finite, or a segment lies on the
     *     heap
     * @throws OutOfMemoryError if there is too little memory
     */
    public static void encodeWithFeedback(GgmlType type, MemorySegment source, long rowElements, MemorySegment factors,
            MemorySegment correction, int blockColumns, MemorySegment target) {
        requireBlocks(factors, rowElements, blockColumns);
        requireBlocks(correction, rowElements, blockColumns);
        call(type, error -> rwkv_h.rwkv_encode_feedback(type.id(), source, elements(source), factors, correction,
                blockColumns, rowElements, target, target.byteSize(), error));
    }

    private static void requireBlocks(MemorySegment blocks, long columns, int blockColumns) {
        long block = Math.min(blockColumns, columns);
        if (block < 1
                || elements(blocks) != (columns - columns % block) * block + columns % block * (columns % block)) {
            throw new IllegalArgumentException(elements(blocks) + " floats for " + columns + " columns in blocks of "
                    + blockColumns);
        }
    }

    /**
     * Decodes elements to floats.
     *
     * @param type what they are encoded as
     * @param source encoded elements in native memory, in whole blocks
     * @param target native memory of exactly as many floats
     * @throws IllegalArgumentException if the lengths don't fit together, or a segment lies on the heap
     */
    public static void decode(GgmlType type, MemorySegment source, MemorySegment target) {
        call(type, error -> rwkv_h.rwkv_decode(type.id(), source, source.byteSize(), target, elements(target), error));
    }

    private static long elements(MemorySegment floats) {
        if (floats.byteSize() % JAVA_FLOAT.byteSize() != 0) {
            throw new IllegalArgumentException(floats.byteSize() + " bytes are no whole number of floats");
        }
        return floats.byteSize() / JAVA_FLOAT.byteSize();
    }

    private static void call(GgmlType type, NativeCalls.Call call) {
        try {
            call(call);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(type + ": " + e.getMessage(), e);
        }
    }

    private static void call(NativeCalls.Call call) {
        try {
            NativeCalls.call(call);
        } catch (RwkvNativeException e) {
            if (e.status() == RwkvStatus.MEMORY) {
                throw (Error) new OutOfMemoryError(e.getMessage()).initCause(e);
            }
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }
}
