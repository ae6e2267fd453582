package dev.rwkv4j.tool.convert;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Native memory in which one slice is encoded after the other. For one thread at a time. */
final class SliceBuffers {
    private static final int MOST_BYTES_OF_AN_ELEMENT = Long.BYTES;

    /** No type takes more than F32. */
    private static final int MOST_ENCODED_BYTES_OF_AN_ELEMENT = Float.BYTES;

    /** What buffers for one element take at most. */
    static final int BYTES_OF_AN_ELEMENT = MOST_BYTES_OF_AN_ELEMENT + Float.BYTES + MOST_ENCODED_BYTES_OF_AN_ELEMENT;

    private final Arena arena;
    private final int elements;
    private final MemorySegment floats;
    private final MemorySegment encoded;

    /** Allocated when it is first needed: few tensors have to be put together. */
    private MemorySegment raw;

    /**
     * Allocates.
     *
     * @param arena lives as long as the buffers
     * @param elements of the longest slice
     */
    SliceBuffers(Arena arena, int elements) {
        this.arena = arena;
        this.elements = elements;
        this.floats = arena.allocate((long) elements * Float.BYTES, Float.BYTES);
        this.encoded = arena.allocate((long) elements * MOST_ENCODED_BYTES_OF_AN_ELEMENT, Long.BYTES);
    }

    /** For elements as the source has them. */
    MemorySegment raw(long bytes) {
        if (raw == null) {
            raw = arena.allocate((long) elements * MOST_BYTES_OF_AN_ELEMENT, Long.BYTES);
        }
        return raw.asSlice(0, bytes);
    }

    MemorySegment floats(int count) {
        return floats.asSlice(0, (long) count * Float.BYTES);
    }

    /** For elements as the new file has them. */
    MemorySegment encoded(long bytes) {
        return encoded.asSlice(0, bytes);
    }
}
