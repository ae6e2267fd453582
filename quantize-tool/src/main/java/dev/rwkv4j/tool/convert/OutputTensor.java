package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufWriter.TensorOutput;
import java.io.IOException;
import java.util.List;
import java.util.stream.LongStream;

/**
 * A tensor of the new file.
 *
 * @param name its GGUF name
 * @param kind decides about its type
 * @param dims fastest first
 * @param parts what it consists of, one after the other; of block formats only one
 */
record OutputTensor(String name, Kind kind, List<Long> dims, List<CheckpointTensor> parts) {
    /** What llama.cpp's converter distinguishes. */
    enum Kind {
        /** Of the type that the file is to have. */
        MATRIX,
        /** F32 in every file, or blocks if they are blocks already. */
        EXACT
    }

    long elements() {
        return dims.stream().reduce(1L, Math::multiplyExact);
    }

    long[] dimensions() {
        return dims.stream().mapToLong(Long::longValue).toArray();
    }

    /** The type in a file for whose matrices {@code wanted} was asked, or nothing (null). */
    GgmlType type(GgmlType wanted) {
        GgmlType stored = parts.getFirst().type().stored();
        if (wanted == null && (kind == Kind.MATRIX || stored.isQuantized())) {
            return stored;
        }
        return kind == Kind.MATRIX ? wanted : GgmlType.F32;
    }

    void write(GgmlType type, TensorOutput out) throws IOException {
        for (CheckpointTensor part : parts) {
            part.write(type, out);
        }
    }

    static OutputTensor of(String name, Kind kind, CheckpointTensor part, long... dims) {
        return new OutputTensor(name, kind, LongStream.of(dims).boxed().toList(), List.of(part));
    }
}
