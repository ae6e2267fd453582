package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import java.util.List;
import java.util.stream.LongStream;

/**
 * A tensor of the new file.
 *
 * @param name its GGUF name
 * @param dims fastest first
 * @param parts what it consists of, one after the other, each of whole rows; of block formats only one
 */
public record OutputTensor(String name, List<Long> dims, List<CheckpointTensor> parts) {
    static OutputTensor of(String name, CheckpointTensor part, long... dims) {
        return new OutputTensor(name, LongStream.of(dims).boxed().toList(), List.of(part));
    }

    /** {@return what it is for} */
    public TensorKind kind() {
        return TensorKind.of(name, dims);
    }

    /** {@return the product of the dimensions} */
    public long elements() {
        return dims.stream().reduce(1L, Math::multiplyExact);
    }

    /** {@return the number of elements in a row, which a type's blocks have to divide} */
    public long rowElements() {
        return dims.getFirst();
    }

    /** {@return how the source stores it: the type that loses least, if its own is none of GGUF's} */
    public GgmlType sourceType() {
        return parts.getFirst().type().stored();
    }

    /** {@return its type in a file in which everything is as precise as in the source} */
    public GgmlType keptType() {
        return sourceType().isQuantized() || !kind().isExact() ? sourceType() : GgmlType.F32;
    }
}
