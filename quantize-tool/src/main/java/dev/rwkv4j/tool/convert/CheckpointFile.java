package dev.rwkv4j.tool.convert;

import dev.rwkv4j.tool.convert.Checkpoint.Container;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/**
 * What one file of a checkpoint holds.
 *
 * @param container recognised by the file's content
 * @param tensors by the names that they have in the file, in its order
 */
record CheckpointFile(Container container, Map<String, CheckpointTensor> tensors) {
    static MemorySegment map(Path path, Arena arena) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            return channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
        }
    }

    /**
     * Reads a file, whatever it is called.
     *
     * @param path named in messages
     * @param file all of the file
     * @throws CheckpointFormatException if it is damaged, or none of the containers that are read here
     * @throws IOException if it can't be read
     */
    static CheckpointFile read(Path path, MemorySegment file) throws IOException {
        CheckpointFile content = recognise(path, file);
        if (file.isMapped()) {
            // The headers lie all over the file, and what is around them has been mapped with them.
            file.unload();
        }
        return content;
    }

    private static CheckpointFile recognise(Path path, MemorySegment file) throws IOException {
        if (file.byteSize() == 0) {
            throw new CheckpointFormatException(path, "the file is empty");
        }
        if (startsWith(file, ZipArchive.MAGIC)) {
            return new CheckpointFile(Container.PYTORCH, new PyTorchReader(path, file).read());
        }
        if (startsWith(file, LegacyPyTorchReader.MAGIC)) {
            return new CheckpointFile(Container.PYTORCH, new LegacyPyTorchReader(path, file).read());
        }
        if (startsWith(file, RwkvCppReader.MAGIC)) {
            return new CheckpointFile(Container.RWKV_CPP, new RwkvCppReader(path, file).read());
        }
        if (SafetensorsReader.recognises(file)) {
            return new CheckpointFile(Container.SAFETENSORS, new SafetensorsReader(path, file).read());
        }
        throw new CheckpointFormatException(path, "neither a PyTorch checkpoint (.pth), nor safetensors, nor a model "
                + "of rwkv.cpp (.bin), nor GGUF");
    }

    static boolean startsWith(MemorySegment file, byte... magic) {
        return file.byteSize() >= magic.length
                && file.asSlice(0, magic.length).mismatch(MemorySegment.ofArray(magic)) < 0;
    }

    /** The first byte of a file that isn't empty. */
    static byte first(MemorySegment file) {
        return file.get(ValueLayout.JAVA_BYTE, 0);
    }
}
