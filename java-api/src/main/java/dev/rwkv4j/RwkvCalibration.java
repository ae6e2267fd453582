package dev.rwkv4j;

import static java.lang.foreign.MemorySegment.NULL;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.rwkv4j.ModelLoader.Replacement;
import dev.rwkv4j.bindings.rwkv_h;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.gguf.GgufTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * A model and the same model as it is being quantised read a text together, one layer after the other: what calibrated
 * quantisation (GPTQ: Frantar et al., 2022) is made of. Of each matrix one learns what it is multiplied by in both models,
 * before it is quantised itself; so that its quantised weights can make good what has become of its inputs.
 *
 * <p>First the {@link #rounded} embedding is written, then {@link #begin} is called. In each layer, for each group of
 * matrices that do not depend on each other, in the order in which they are computed: {@link #watch} them, {@link #read}
 * the layer, and write their {@link #rounded} weights. When all of the layer are written, {@link #advance} over it. After
 * the last layer comes the head.
 *
 * <p>For one thread at a time, which works along with those of the {@link ModelOptions#threads()}. To be closed when it
 * isn't needed any longer; methods that evaluate then throw {@link IllegalStateException}, and so does what looks at
 * tensors.
 */
public final class RwkvCalibration implements AutoCloseable {
    private final GgufFile file;
    private final ModelOptions options;
    private final Arena arena = Arena.ofShared();
    private final Map<String, Replacement> rounded = new HashMap<>();
    private MemorySegment originalModel = NULL;
    private MemorySegment roundedModel = NULL;
    private MemorySegment calibration = NULL;
    private int layerCount;
    private boolean closed;

    private RwkvCalibration(GgufFile file, ModelOptions options) {
        this.file = file;
        this.options = options.withDense(true);
    }

    /**
     * Opens a model, and makes room for what it becomes. The file is mapped, not read, and must not be changed meanwhile.
     *
     * @param gguf the model file
     * @param options threads, and how many tokens are computed together
     * @param types what will be quantised: types by the names of tensors
     * @return the two models, to be closed by the caller
     * @throws GgufFormatException if the file is no GGUF file, is damaged, or is not of an RWKV model that can be run
     * @throws IOException if it cannot be read
     * @throws OutOfMemoryError if there is no memory for the quantised tensors
     */
    public static RwkvCalibration open(Path gguf, ModelOptions options, Map<String, GgmlType> types)
            throws IOException {
        RwkvCalibration models = new RwkvCalibration(GgufFile.open(gguf), options);
        try {
            models.createModels(types);
            return models;
        } catch (Throwable e) {
            models.close();
            throw e;
        }
    }

    private void createModels(Map<String, GgmlType> types) throws IOException {
        for (Map.Entry<String, GgmlType> entry : types.entrySet()) {
            GgmlType type = entry.getValue();
            long bytes = type.bytes(file.tensor(entry.getKey()).elements());
            rounded.put(entry.getKey(), new Replacement(type, arena.allocate(bytes, Float.BYTES)));
        }
        ModelLoader loader = new ModelLoader(file);
        layerCount = loader.layerCount();
        originalModel = loader.createModel(options);
        roundedModel = loader.createModel(options, rounded);
    }

    /** {@return the number of layers; as that of a layer it means the head} */
    public int layerCount() {
        return layerCount;
    }

    /**
     * A tensor as it was.
     *
     * @param tensor its name
     * @return what the file has, until this is closed
     * @throws GgufFormatException if the file has no such tensor
     */
    public GgufTensor original(String tensor) throws GgufFormatException {
        return file.tensor(tensor);
    }

    /**
     * A tensor as it becomes.
     *
     * @param tensor its name, one of those that were said to be quantised
     * @return its encoded elements, to be written; zeros at first; until this is closed
     * @throws IllegalArgumentException if it is none of those
     */
    public MemorySegment rounded(String tensor) {
        Replacement replacement = rounded.get(tensor);
        if (replacement == null) {
            throw new IllegalArgumentException(tensor + " is not quantised");
        }
        return replacement.data();
    }

    /**
     * Both models begin to read a text. For each of its tokens it takes twice the width of the model in floats, of RWKV-7
     * four times, outside of Java's heap.
     *
     * @param tokens the text, at least one token
     * @throws IllegalArgumentException if there are none, or one is not in the vocabulary
     * @throws IllegalStateException if they have begun already, or this is closed
     * @throws OutOfMemoryError if there is no memory for it
     */
    public void begin(int[] tokens) {
        requireOpen();
        if (tokens.length == 0) {
            throw new IllegalArgumentException("no tokens, expected at least one");
        }
        if (!calibration.equals(NULL)) {
            throw new IllegalStateException("the text has begun already");
        }
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment config = ModelLoader.contextConfig(options, scratch);
            MemorySegment text = scratch.allocateFrom(JAVA_INT, tokens);
            calibration = NativeFailure.create((out, error) -> rwkv_h.rwkv_calibration_create(originalModel,
                    roundedModel, config, text, tokens.length, out, error));
        }
    }

    /**
     * Lets the next {@link #read} add up products of the inputs of a matrix, x of the original and y of the rounded model,
     * for each diagonal block of columns: one after the other, each a square of as many columns as the block has, the last
     * may be smaller.
     *
     * @param matrix its name
     * @param blockColumns columns of a block, at least 1; of a matrix that has fewer, all are one block
     * @param sums of y[i] * y[j] for i ≤ j: floats, which are added to, in native memory that is there until then
     * @param drift of (x[i] - y[i]) * y[j] for all i and j, likewise
     * @throws IllegalArgumentException if the model has no such matrix, it is watched already, or the memory is of
     *     another length
     * @throws IllegalStateException if the text has not begun, or this is closed
     * @throws OutOfMemoryError if there is too little memory
     */
    public void watch(String matrix, int blockColumns, MemorySegment sums, MemorySegment drift) {
        requireBegun();
        if (blockColumns < 1) {
            throw new IllegalArgumentException("blocks of " + blockColumns + " columns, expected at least 1");
        }
        if (sums.byteSize() != drift.byteSize()) {
            throw new IllegalArgumentException(sums.byteSize() + " bytes of sums, " + drift.byteSize() + " of drift");
        }
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment name = scratch.allocateFrom(matrix);
            NativeFailure.call(error -> rwkv_h.rwkv_calibration_watch(calibration, name, blockColumns, sums, drift,
                    sums.byteSize() / Float.BYTES, error));
        }
    }

    /**
     * Both models evaluate a layer, for the sake of those that watch.
     *
     * @param layer its number from 0, the one that the text has come to; that after the last is the head
     * @throws IllegalArgumentException if there is no such layer
     * @throws IllegalStateException if the text has not begun, or this is closed
     */
    public void read(int layer) {
        evaluate(layer, 0);
    }

    /**
     * Both models evaluate a layer, and are then before the next one.
     *
     * @param layer its number from 0, the one that the text has come to
     * @throws IllegalArgumentException if there is no such layer
     * @throws IllegalStateException if the text has not begun, or this is closed
     */
    public void advance(int layer) {
        evaluate(layer, 1);
    }

    private void evaluate(int layer, int advance) {
        requireBegun();
        NativeFailure.call(error -> rwkv_h.rwkv_calibration_read(calibration, layer, advance, error));
    }

    private void requireBegun() {
        requireOpen();
        if (calibration.equals(NULL)) {
            throw new IllegalStateException("the text has not begun");
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the calibration of " + file.path() + " is closed");
        }
    }

    /** Frees everything, the rounded tensors included. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        rwkv_h.rwkv_calibration_free(calibration);
        rwkv_h.rwkv_model_free(roundedModel);
        rwkv_h.rwkv_model_free(originalModel);
        arena.close();
        file.close();
    }
}
