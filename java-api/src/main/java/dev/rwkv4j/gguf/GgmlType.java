package dev.rwkv4j.gguf;

import java.util.Optional;

/**
 * The element types of tensors, with ggml's numbers. Elements are stored in blocks that run along a tensor's fastest
 * dimension; the float types have blocks of one element.
 */
public enum GgmlType {
    /** IEEE binary32. */
    F32(0, 1, 4),
    /** IEEE binary16. */
    F16(1, 1, 2),
    /** Four bits and a scale. */
    Q4_0(2, 32, 18),
    /** Four bits, a scale and a minimum. */
    Q4_1(3, 32, 20),
    /** Five bits and a scale. */
    Q5_0(6, 32, 22),
    /** Five bits, a scale and a minimum. */
    Q5_1(7, 32, 24),
    /** Eight bits and a scale. */
    Q8_0(8, 32, 34),
    /** Two bits in super-blocks. */
    Q2_K(10, 256, 84),
    /** Three bits in super-blocks. */
    Q3_K(11, 256, 110),
    /** Four bits in super-blocks. */
    Q4_K(12, 256, 144),
    /** Five bits in super-blocks. */
    Q5_K(13, 256, 176),
    /** Six bits in super-blocks. */
    Q6_K(14, 256, 210),
    /** Four bits that index a table of sixteen values, and a scale. */
    IQ4_NL(20, 32, 18),
    /** The upper half of an IEEE binary32. */
    BF16(30, 1, 2);

    private final int id;
    private final int blockElements;
    private final int blockBytes;

    GgmlType(int id, int blockElements, int blockBytes) {
        this.id = id;
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
    }

    /** {@return the number that stands for this type in a GGUF file and in the C library} */
    public int id() {
        return id;
    }

    /** {@return how many elements one block holds: 1, 32 or 256} */
    public int blockElements() {
        return blockElements;
    }

    /** {@return the length of one block in bytes} */
    public int blockBytes() {
        return blockBytes;
    }

    /** {@return whether this is a block format rather than a float type} */
    public boolean isQuantized() {
        return blockElements > 1;
    }

    /**
     * The length of a row or of a tensor.
     *
     * @param elements number of elements, a multiple of {@link #blockElements()}
     * @return their length in bytes
     * @throws IllegalArgumentException if {@code elements} is negative or no multiple of the block
     * @throws ArithmeticException if the length is beyond 2⁶³ − 1
     */
    public long bytes(long elements) {
        if (elements < 0 || elements % blockElements != 0) {
            throw new IllegalArgumentException(
                    elements + " elements do not make whole blocks of " + blockElements + " (" + this + ")");
        }
        return Math.multiplyExact(elements / blockElements, (long) blockBytes);
    }

    /**
     * The type with a number.
     *
     * @param id ggml's number
     * @return the type, or nothing if it is not one of those listed here
     */
    public static Optional<GgmlType> find(int id) {
        for (GgmlType type : values()) {
            if (type.id == id) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }

    /**
     * The type with a number that is known to be good.
     *
     * @param id ggml's number
     * @return the type
     * @throws IllegalArgumentException if no type listed here has this number
     */
    public static GgmlType of(int id) {
        return find(id).orElseThrow(() -> new IllegalArgumentException("no known ggml type has the number " + id));
    }
}
