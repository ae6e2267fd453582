package dev.rwkv4j.tool.convert;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.rwkv4j.gguf.GgmlType;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * A tensor of a mapped checkpoint: element {@code (i, j, …)} lies at {@code i · strides[0] + j · strides[1] + …}.
 *
 * <p>Everything that a conversion does to a tensor makes another view of the same memory: transposition swaps strides,
 * repetition is a stride of 0, and a function is applied when the elements are written. So nothing is ever held in Java's
 * memory but the slices that are just being encoded.
 *
 * <p>Elements of block formats are always contiguous and unchanged.
 */
final class CheckpointTensor {
    /** From here on a float rounds to an infinite float16; the largest is 65504. */
    private static final float F16_OVERFLOW = 65520;

    private final Path file;
    private final String name;
    private final ElementType type;
    private final MemorySegment memory;
    private final long[] shape;
    private final long[] strides;
    private final DoubleUnaryOperator change;

    private CheckpointTensor(Path file, String name, ElementType type, MemorySegment memory, long[] shape,
            long[] strides, DoubleUnaryOperator change) {
        this.file = file;
        this.name = name;
        this.type = type;
        this.memory = memory;
        this.shape = shape;
        this.strides = strides;
        this.change = change;
    }

    /**
     * A tensor that lies anywhere in memory.
     *
     * @param file named in messages
     * @param name named in messages
     * @param memory begins with element (0, 0, …) and contains all others
     * @param shape slowest first, as PyTorch prints it; the product is below 2⁶³
     * @param strides in elements
     */
    static CheckpointTensor strided(Path file, String name, ElementType type, MemorySegment memory, long[] shape,
            long[] strides) {
        return new CheckpointTensor(file, name, type, memory, shape, strides, null);
    }

    /** A tensor whose elements, or blocks, lie one after the other. */
    static CheckpointTensor contiguous(Path file, String name, ElementType type, MemorySegment memory, long... shape) {
        return strided(file, name, type, memory, shape, rowMajor(shape));
    }

    private static long[] rowMajor(long[] shape) {
        long[] strides = new long[shape.length];
        long stride = 1;
        for (int i = shape.length - 1; i >= 0; i--) {
            strides[i] = stride;
            stride *= shape[i];
        }
        return strides;
    }

    /** The file that it lies in. */
    Path file() {
        return file;
    }

    String name() {
        return name;
    }

    ElementType type() {
        return type;
    }

    /** Slowest first. */
    long[] shape() {
        return shape.clone();
    }

    long elements() {
        return LongStream.of(shape).reduce(1, Math::multiplyExact);
    }

    /** Without the last dimension, which must be 1. */
    CheckpointTensor withoutLastDimension() {
        return withDimensions(IntStream.range(0, shape.length - 1).toArray());
    }

    /** Without dimensions of 1 before the last two: a matrix, if it is one at all. */
    CheckpointTensor withoutLeadingOnes() {
        int first = 0;
        while (first < shape.length - 2 && shape[first] == 1) {
            first++;
        }
        return withDimensions(IntStream.range(first, shape.length).toArray());
    }

    /** With the last two dimensions swapped. */
    CheckpointTensor transposed() {
        int[] order = IntStream.range(0, shape.length).toArray();
        order[shape.length - 1] = shape.length - 2;
        order[shape.length - 2] = shape.length - 1;
        return withDimensions(order);
    }

    private CheckpointTensor withDimensions(int... order) {
        return view(memory, IntStream.of(order).mapToLong(i -> shape[i]).toArray(),
                IntStream.of(order).mapToLong(i -> strides[i]).toArray());
    }

    /** With other dimensions of as many elements. For tensors as they were stored, contiguous. Not for block formats. */
    CheckpointTensor reshaped(long... newShape) {
        return view(memory, newShape, rowMajor(newShape));
    }

    /** What stands at one index of the first dimension. Not for block formats. */
    CheckpointTensor slice(long index) {
        MemorySegment rest = memory.asSlice(type.bytes(Math.multiplyExact(index, strides[0])));
        return view(rest, Arrays.copyOfRange(shape, 1, shape.length), Arrays.copyOfRange(strides, 1, strides.length));
    }

    /** With one more dimension at the end, along which every element is repeated. */
    CheckpointTensor repeated(long times) {
        long[] newShape = Arrays.copyOf(shape, shape.length + 1);
        newShape[shape.length] = times;
        return view(memory, newShape, Arrays.copyOf(strides, shape.length + 1));
    }

    /** With a function applied to every element, after those that are applied already. Not for block formats. */
    CheckpointTensor mapped(DoubleUnaryOperator function) {
        return new CheckpointTensor(file, name, type, memory, shape, strides,
                change == null ? function : change.andThen(function));
    }

    private CheckpointTensor view(MemorySegment newMemory, long[] newShape, long[] newStrides) {
        return new CheckpointTensor(file, name, type, newMemory, newShape, newStrides, change);
    }

    /**
     * Elements in the order in which they are written: the last dimension runs fastest. Any number of threads may ask for
     * different ones, each with buffers of its own.
     *
     * @param first a multiple of all block sizes
     * @param count ends at one as well, or with the tensor
     * @param buffers for that many elements
     * @return the encoded elements, in the buffers or in the mapped file
     * @throws CheckpointFormatException if a value has no place in {@code target}, or a function no value for an element
     */
    MemorySegment encode(GgmlType target, long first, int count, SliceBuffers buffers)
            throws CheckpointFormatException {
        return encode(target, RowEncoder.PLAIN, 1, first, count, buffers);
    }

    /**
     * The same with an encoder of choice.
     *
     * @param rowElements elements of a row of the tensor that is written
     */
    MemorySegment encode(GgmlType target, RowEncoder encoder, long rowElements, long first, int count,
            SliceBuffers buffers) throws CheckpointFormatException {
        if (change == null && isContiguous() && type.equals(ElementType.of(target))) {
            return contiguous(first, count);
        }
        MemorySegment floats = buffers.floats(count);
        decode(gather(first, count, buffers), floats);
        apply(floats, count);
        checkRange(target, floats, count);
        MemorySegment encoded = buffers.encoded(target.bytes(count));
        try {
            encoder.encode(target, floats, first, Math.min(rowElements, count), encoded);
        } catch (IllegalArgumentException e) {
            throw new CheckpointFormatException(file, "tensor " + name + " can't be encoded: " + e.getMessage());
        }
        return encoded;
    }

    /** Lets the operating system take back the memory that holds elements of a mapped file: they are not needed soon. */
    void release(long first, int count) {
        if (memory.isMapped()) {
            (isContiguous() ? contiguous(first, count) : memory).unload();
        }
    }

    private boolean isContiguous() {
        long[] contiguous = rowMajor(shape);
        return IntStream.range(0, shape.length).allMatch(i -> shape[i] == 1 || strides[i] == contiguous[i]);
    }

    private MemorySegment contiguous(long first, int count) {
        return memory.asSlice(type.bytes(first), type.bytes(count));
    }

    private void decode(MemorySegment raw, MemorySegment floats) throws CheckpointFormatException {
        try {
            type.decode(raw, floats);
        } catch (IllegalArgumentException e) {
            throw new CheckpointFormatException(file, "tensor " + name + " can't be decoded: " + e.getMessage());
        }
    }

    /** Elements from their places, in the order in which they are to be written, in native memory. */
    private MemorySegment gather(long first, int count, SliceBuffers buffers) {
        if (isContiguous() && memory.isNative()) {
            return contiguous(first, count);
        }
        MemorySegment raw = buffers.raw(type.bytes(count));
        if (isContiguous()) {
            return raw.copyFrom(contiguous(first, count));
        }
        int last = shape.length - 1;
        long[] index = indexOf(first);
        for (int done = 0; done < count;) {
            int run = (int) Math.min(count - done, shape[last] - index[last]);
            gatherRun(position(index), strides[last], run, raw, done);
            done += run;
            index[last] += run - 1;
            advance(index);
        }
        return raw;
    }

    private long[] indexOf(long element) {
        long[] index = new long[shape.length];
        for (int i = shape.length - 1; i >= 0; i--) {
            index[i] = element % shape[i];
            element /= shape[i];
        }
        return index;
    }

    private long position(long[] index) {
        return IntStream.range(0, index.length).mapToLong(i -> index[i] * strides[i]).sum();
    }

    private void advance(long[] index) {
        for (int i = index.length - 1; i >= 0 && ++index[i] == shape[i]; i--) {
            index[i] = 0;
        }
    }

    private void gatherRun(long position, long stride, int count, MemorySegment raw, long target) {
        switch ((int) type.bytes(1)) {
            case Short.BYTES -> {
                for (long i = 0; i < count; i++) {
                    short element = memory.get(JAVA_SHORT_UNALIGNED, (position + i * stride) * Short.BYTES);
                    raw.set(JAVA_SHORT_UNALIGNED, (target + i) * Short.BYTES, element);
                }
            }
            case Integer.BYTES -> {
                for (long i = 0; i < count; i++) {
                    int element = memory.get(JAVA_INT_UNALIGNED, (position + i * stride) * Integer.BYTES);
                    raw.set(JAVA_INT_UNALIGNED, (target + i) * Integer.BYTES, element);
                }
            }
            default -> {
                for (long i = 0; i < count; i++) {
                    long element = memory.get(JAVA_LONG_UNALIGNED, (position + i * stride) * Long.BYTES);
                    raw.set(JAVA_LONG_UNALIGNED, (target + i) * Long.BYTES, element);
                }
            }
        }
    }

    private void apply(MemorySegment floats, int count) throws CheckpointFormatException {
        for (int i = 0; change != null && i < count; i++) {
            float before = floats.getAtIndex(JAVA_FLOAT, i);
            float after = (float) change.applyAsDouble(before);
            if (!Float.isFinite(after)) {
                throw new CheckpointFormatException(file, "tensor " + name + " holds " + before
                        + ", which is outside of what its conversion is defined for");
            }
            floats.setAtIndex(JAVA_FLOAT, i, after);
        }
    }

    private void checkRange(GgmlType target, MemorySegment floats, int count) throws CheckpointFormatException {
        for (int i = 0; target == GgmlType.F16 && i < count; i++) {
            float value = floats.getAtIndex(JAVA_FLOAT, i);
            if (Math.abs(value) >= F16_OVERFLOW && Float.isFinite(value)) {
                throw new CheckpointFormatException(file, "tensor " + name + " holds " + value
                        + ", and the largest value of type F16 is 65504; choose BF16 or F32");
            }
        }
    }
}
