package dev.rwkv4j.gguf;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * One tensor of an open {@link GgufFile}.
 *
 * @param name its name, for example {@code blk.0.time_mix_key.weight}
 * @param type its element type
 * @param dims its dimensions in elements, fastest first: a matrix that maps {@code in} values to {@code out} is
 *     {@code [in, out]}; one to four, none zero
 * @param data its bytes, exactly {@code type.bytes(elements())} of them: a read-only part of the mapping, usable by all
 *     threads until the file is closed
 */
public record GgufTensor(String name, GgmlType type, List<Long> dims, MemorySegment data) {
    /** Copies the dimensions. */
    public GgufTensor {
        dims = List.copyOf(dims);
    }

    /** {@return the product of the dimensions} */
    public long elements() {
        return dims.stream().reduce(1L, Math::multiplyExact);
    }

    /** {@return the length of the data in bytes} */
    public long byteSize() {
        return data.byteSize();
    }
}
