package dev.rwkv4j.tool.convert;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.TensorCodec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * How a checkpoint stores the elements of a tensor: as one of ggml's types, or as doubles, which GGUF files do not have
 * here.
 */
record ElementType(Optional<GgmlType> ggml) {
    static final ElementType F64 = new ElementType(Optional.empty());

    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);

    static ElementType of(GgmlType type) {
        return new ElementType(Optional.of(type));
    }

    boolean isQuantized() {
        return stored().isQuantized();
    }

    /** The type in a GGUF file that loses least. */
    GgmlType stored() {
        return ggml.orElse(GgmlType.F32);
    }

    int blockElements() {
        return stored().blockElements();
    }

    /** Bytes of a number of elements that make whole blocks. */
    long bytes(long elements) {
        return ggml.map(type -> type.bytes(elements)).orElseGet(() -> Math.multiplyExact(elements, Double.BYTES));
    }

    /** Both in native memory. */
    void decode(MemorySegment encoded, MemorySegment floats) {
        if (ggml.isPresent()) {
            TensorCodec.decode(ggml.get(), encoded, floats);
            return;
        }
        for (long i = 0; i < encoded.byteSize() / Double.BYTES; i++) {
            floats.setAtIndex(JAVA_FLOAT, i, (float) encoded.get(DOUBLE, i * Double.BYTES));
        }
    }

    @Override
    public String toString() {
        return ggml.map(GgmlType::toString).orElse("F64");
    }
}
