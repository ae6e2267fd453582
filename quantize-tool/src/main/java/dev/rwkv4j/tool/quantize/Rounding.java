package dev.rwkv4j.tool.quantize;

import dev.rwkv4j.tool.convert.OutputTensor;
import dev.rwkv4j.tool.convert.RowEncoder;
import java.io.IOException;
import java.util.List;

/** How the matrices of a model are rounded to the values that a type has. */
@FunctionalInterface
public interface Rounding {
    /** As ggml does without knowing what is important: the fastest. */
    Rounding PLAIN = _ -> RowEncoder.PLAIN;

    /** With a search for the scales that make the squared error of the weights small. */
    Rounding SEARCH = _ -> RowEncoder.SEARCH;

    /**
     * How one tensor is encoded.
     *
     * @param tensor of the new file
     * @return its encoder, which any number of threads may use
     */
    RowEncoder encoder(OutputTensor tensor);

    /**
     * Looks at what is to be rounded, before anything is.
     *
     * @param tensors those that get a block format
     * @return what the person should know about it, each a sentence or two
     * @throws IOException if this rounding is not for these tensors
     */
    default List<String> check(List<OutputTensor> tensors) throws IOException {
        return List.of();
    }
}
