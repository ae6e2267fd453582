package dev.rwkv4j.tool.quantize;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.gguf.TensorCodec;
import dev.rwkv4j.tool.convert.OutputTensor;
import dev.rwkv4j.tool.convert.RowEncoder;
import dev.rwkv4j.tool.convert.TensorKind;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Rounding with error feedback (GPTQ): the error of each weight is made good, as well as may be, by those after it in its
 * row, going by what the matrices of the model have been multiplied by while it read a text.
 *
 * <p>First {@link #of} a model, which then reads the text; then {@link #prepare}. The model has to stay open. The memory
 * that is needed outside of Java's heap is about {@value #BLOCK_COLUMNS} floats for each column of each matrix.
 */
public final class Calibration implements Rounding {
    /** Columns that know of each other. */
    private static final int BLOCK_COLUMNS = 512;

    private final Map<String, MemorySegment> factors = new HashMap<>();

    private Calibration() {
    }

    /**
     * Begins to observe a model.
     *
     * @param model the model that is to be quantised, with float weights
     * @param tensors those that will get a block format
     * @return the calibration
     * @throws OutOfMemoryError if there is no memory for it
     */
    public static Calibration of(RwkvModel model, List<OutputTensor> tensors) {
        Calibration calibration = new Calibration();
        for (OutputTensor tensor : tensors) {
            if (TensorKind.isMultiplied(tensor.name(), tensor.dims())) {
                calibration.factors.put(tensor.name(), model.observe(tensor.name(), BLOCK_COLUMNS));
            }
        }
        return calibration;
    }

    /**
     * The model has read the text.
     *
     * @throws OutOfMemoryError if there is too little memory
     */
    public void prepare() {
        factors.values().parallelStream()
                .forEach(sums -> TensorCodec.prepareFeedback(sums, columns(sums), BLOCK_COLUMNS));
    }

    /** A matrix of few columns has one block. */
    private static long columns(MemorySegment sums) {
        long floats = sums.byteSize() / Float.BYTES;
        long block = (long) BLOCK_COLUMNS * BLOCK_COLUMNS;
        return floats / block * BLOCK_COLUMNS + (long) Math.sqrt(floats % block);
    }

    @Override
    public RowEncoder encoder(OutputTensor tensor) {
        MemorySegment known = factors.get(tensor.name());
        return known == null
                ? RowEncoder.SEARCH
                : (type, floats, rowElements, target) -> TensorCodec.encodeWithFeedback(type, floats, rowElements,
                        known,
                        BLOCK_COLUMNS, target);
    }
}
