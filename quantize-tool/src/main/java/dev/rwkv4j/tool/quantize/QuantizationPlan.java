package dev.rwkv4j.tool.quantize;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.tool.convert.OutputTensor;
import java.util.List;
import java.util.function.Function;

/**
 * What a quantisation would make.
 *
 * @param tensors of the new file, in its order
 */
public record QuantizationPlan(List<Tensor> tensors) {
    /**
     * One tensor.
     *
     * @param name its GGUF name
     * @param dims in elements, fastest first
     * @param from its type in the source
     * @param to its type in the new file
     */
    public record Tensor(String name, List<Long> dims, GgmlType from, GgmlType to) {
        /** {@return the number of elements} */
        public long elements() {
            return dims.stream().reduce(1L, Math::multiplyExact);
        }

        /** {@return the length in the new file, in bytes} */
        public long bytes() {
            return to.bytes(elements());
        }

        /** {@return the length in the source, in bytes} */
        public long sourceBytes() {
            return from.bytes(elements());
        }
    }

    /** Copies the list. */
    public QuantizationPlan {
        tensors = List.copyOf(tensors);
    }

    static QuantizationPlan of(List<OutputTensor> tensors, Function<OutputTensor, GgmlType> types) {
        return new QuantizationPlan(tensors.stream().map(
                tensor -> new Tensor(tensor.name(), tensor.dims(), tensor.sourceType(), types.apply(tensor)))
                .toList());
    }

    /** {@return the number of elements of all tensors} */
    public long elements() {
        return tensors.stream().mapToLong(Tensor::elements).sum();
    }

    /** {@return the length of all tensors in the new file, in bytes} */
    public long bytes() {
        return tensors.stream().mapToLong(Tensor::bytes).sum();
    }

    /** {@return the length of all tensors in the source, in bytes} */
    public long sourceBytes() {
        return tensors.stream().mapToLong(Tensor::sourceBytes).sum();
    }

    /** {@return the average over the new file's tensors} */
    public double bitsPerWeight() {
        return 8.0 * bytes() / elements();
    }
}
