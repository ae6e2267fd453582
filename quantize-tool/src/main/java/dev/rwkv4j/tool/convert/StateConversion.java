package dev.rwkv4j.tool.convert;

import dev.rwkv4j.ModelInfo;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvState;
import dev.rwkv4j.gguf.GgmlType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Makes a state file of a tuned initial state: of a checkpoint that has the {@code time_state} of every layer, alone or
 * beside a model. The new file is what {@link RwkvState#load(RwkvModel, Path)} reads, and belongs to one model, as all
 * state files do.
 *
 * <p>In files of PyTorch a state is [head][value][key], as in an {@link RwkvState}. States in safetensors are made by
 * web-rwkv's converter, which swaps the last two dimensions.
 */
public final class StateConversion {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);

    private StateConversion() {
    }

    /**
     * Converts. The new file appears under its name only when it is complete.
     *
     * @param source the checkpoint
     * @param model the model that the state was tuned for, as GGUF
     * @param target the new file
     * @param overwrite whether it may replace one that is there already
     * @throws CheckpointFormatException if the checkpoint is damaged, or has no state that fits the model
     * @throws FileAlreadyExistsException if there is a file under the new name, and it may not be replaced
     * @throws java.nio.file.FileSystemException if the new name is that of a file that is read
     * @throws IOException if a file can't be read or written
     */
    public static void run(Path source, Path model, Path target, boolean overwrite) throws IOException {
        ModelWriter.checkTarget(target, overwrite);
        try (Checkpoint checkpoint = Checkpoint.open(source);
                RwkvModel loaded = RwkvModel.load(model);
                RwkvState state = loaded.newState()) {
            InputFiles.refuse(target, checkpoint.files());
            InputFiles.refuse(target, List.of(model));
            float[] values = state.toArray();
            fill(values, new NamedTensors(checkpoint), checkpoint.container(), loaded.info());
            state.set(values);
            state.save(target);
        }
    }

    /** The matrices of every layer; the shift vectors stay zero. */
    private static void fill(float[] values, NamedTensors tensors, Checkpoint.Container container, ModelInfo info)
            throws IOException {
        if (info.heads() == 0) {
            throw tensors.fail("a state can't be tuned for RWKV-4, which the model is");
        }
        int width = info.width();
        int matrices = width * info.headSize();
        for (int layer = 0; layer < info.layers(); layer++) {
            CheckpointTensor tensor = timeState(tensors, "blocks." + layer + ".att.time_state", info);
            int begin = layer * (matrices + 2 * width) + width;
            copy(container == Checkpoint.Container.SAFETENSORS ? tensor.transposed() : tensor, values, begin);
        }
        String beyond = "blocks." + info.layers() + ".att.time_state";
        if (tensors.has(beyond)) {
            throw tensors.fail("there is a tensor " + beyond + ", and the model has only " + info.layers() + " layers");
        }
    }

    private static CheckpointTensor timeState(NamedTensors tensors, String name, ModelInfo info)
            throws CheckpointFormatException {
        CheckpointTensor tensor = tensors.unquantized(name);
        long[] expected = {info.heads(), info.headSize(), info.headSize()};
        if (!Arrays.equals(tensor.shape(), expected)) {
            throw tensors.fail("tensor " + name + " has the shape " + Arrays.toString(tensor.shape())
                    + ", and the model needs " + Arrays.toString(expected));
        }
        return tensor;
    }

    private static void copy(CheckpointTensor tensor, float[] values, int begin)
            throws CheckpointFormatException {
        int count = Math.toIntExact(tensor.elements());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = tensor.encode(GgmlType.F32, 0, count, new SliceBuffers(arena, count));
            MemorySegment.copy(floats, FLOAT, 0, values, begin, count);
        }
    }
}
