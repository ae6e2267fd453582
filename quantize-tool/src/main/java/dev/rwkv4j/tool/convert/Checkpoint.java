package dev.rwkv4j.tool.convert;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;

/**
 * An open checkpoint: tensors by BlinkDL's names, with BlinkDL's values. What a container does differently is undone by
 * its reader, but for {@link Container#lowRankTransposed}.
 */
final class Checkpoint implements AutoCloseable {
    /** What a checkpoint came in. */
    enum Container {
        /** {@code .pth}, in a zip file. */
        PYTORCH(false),
        /** {@code .bin} of rwkv.cpp. */
        RWKV_CPP(true);

        private final boolean lowRankTransposed;

        Container(boolean lowRankTransposed) {
            this.lowRankTransposed = lowRankTransposed;
        }

        /** Whether low-rank matrices are [out, in] like all others, as in GGUF, and not BlinkDL's [in, out]. */
        boolean lowRankTransposed() {
            return lowRankTransposed;
        }
    }

    private static final byte[] GGUF_MAGIC = {'G', 'G', 'U', 'F'};

    private static final int PICKLE_START = 0x80;

    private final Path path;
    private final Arena arena;
    private final Container container;
    private final Map<String, CheckpointTensor> tensors;

    private Checkpoint(Path path, Arena arena, Container container, Map<String, CheckpointTensor> tensors) {
        this.path = path;
        this.arena = arena;
        this.container = container;
        this.tensors = tensors;
    }

    /**
     * Opens a file, whatever it is called.
     *
     * @throws CheckpointFormatException if it is nothing that can be converted
     * @throws IOException if it can't be read
     */
    static Checkpoint open(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new FileSystemException(path.toString(), null, "is a directory, not a checkpoint file");
        }
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            Arena arena = Arena.ofConfined();
            try {
                return read(path, arena, channel.map(MapMode.READ_ONLY, 0, channel.size(), arena));
            } catch (Throwable e) {
                arena.close();
                throw e;
            }
        }
    }

    /** Of the whole content of a file; the checkpoint closes the arena. */
    static Checkpoint read(Path path, Arena arena, MemorySegment file) throws CheckpointFormatException {
        if (file.byteSize() == 0) {
            throw new CheckpointFormatException(path, "the file is empty");
        }
        byte[] start = file.asSlice(0, Math.min(4, file.byteSize())).toArray(ValueLayout.JAVA_BYTE);
        if (Arrays.equals(start, ZipArchive.MAGIC)) {
            return new Checkpoint(path, arena, Container.PYTORCH, new PyTorchReader(path, file).read());
        }
        if (Arrays.equals(start, RwkvCppReader.MAGIC)) {
            return new Checkpoint(path, arena, Container.RWKV_CPP, new RwkvCppReader(path, file).read());
        }
        if (Arrays.equals(start, GGUF_MAGIC)) {
            throw new CheckpointFormatException(path, "this is a GGUF file already; there is nothing to convert");
        }
        if (Byte.toUnsignedInt(start[0]) == PICKLE_START) {
            throw new CheckpointFormatException(path,
                    "this seems to be a PyTorch file from before version 1.6; open it "
                            + "with PyTorch and save it again with torch.save");
        }
        throw new CheckpointFormatException(path, "neither a PyTorch checkpoint (.pth) nor a model of rwkv.cpp (.bin)");
    }

    Path path() {
        return path;
    }

    Container container() {
        return container;
    }

    /** In the order of the file. */
    Map<String, CheckpointTensor> tensors() {
        return Collections.unmodifiableMap(tensors);
    }

    /** Unmaps the file: no tensor may be used any more. */
    @Override
    public void close() {
        arena.close();
    }
}
