package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufMetadata;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * An open checkpoint: tensors by BlinkDL's names, with BlinkDL's values. What a container or a program's names do
 * differently is undone by its reader, but for {@link Container#lowRankTransposed} and
 * {@link Container#lerpsOfPrevious}.
 */
final class Checkpoint implements AutoCloseable {
    /** What a checkpoint came in. */
    enum Container {
        /** {@code .pth} or {@code .bin} of PyTorch. */
        PYTORCH(false, false),
        /** {@code .safetensors} or {@code .st}. */
        SAFETENSORS(false, false),
        /** {@code .bin} of rwkv.cpp. */
        RWKV_CPP(true, false),
        /** {@code .gguf} of llama.cpp or made here. */
        GGUF(true, true);

        private final boolean lowRankTransposed;
        private final boolean lerpsOfPrevious;

        Container(boolean lowRankTransposed, boolean lerpsOfPrevious) {
            this.lowRankTransposed = lowRankTransposed;
            this.lerpsOfPrevious = lerpsOfPrevious;
        }

        /** Whether low-rank matrices are [out, in] like all others, as in GGUF, and not BlinkDL's [in, out]. */
        boolean lowRankTransposed() {
            return lowRankTransposed;
        }

        /** Whether a lerp is the weight of the previous token in versions 4 and 5 too. */
        boolean lerpsOfPrevious() {
            return lerpsOfPrevious;
        }
    }

    private final Path path;
    private final Runnable unmap;
    private final Container container;
    private final Map<String, CheckpointTensor> tensors;
    private final ModelConstants constants;
    private final Optional<GgufMetadata> metadata;

    private Checkpoint(Path path, Runnable unmap, Container container, Map<String, CheckpointTensor> tensors,
            ModelConstants constants, Optional<GgufMetadata> metadata) {
        this.path = path;
        this.unmap = unmap;
        this.container = container;
        this.tensors = tensors;
        this.constants = constants;
        this.metadata = metadata;
    }

    /**
     * Opens a file, whatever it is called, or the checkpoint in a folder.
     *
     * @throws CheckpointFormatException if it is nothing that can be converted
     * @throws dev.rwkv4j.gguf.GgufFormatException if it is a damaged GGUF file
     * @throws IOException if it can't be read
     */
    static Checkpoint open(Path path) throws IOException {
        Path file = Files.isDirectory(path) ? ShardIndex.find(path) : path;
        if (isGguf(file)) {
            return openGguf(file);
        }
        Arena arena = Arena.ofShared();
        try {
            return read(file, arena, CheckpointFile.map(file, arena));
        } catch (Throwable e) {
            arena.close();
            throw e;
        }
    }

    private static boolean isGguf(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ); Arena arena = Arena.ofConfined()) {
            MemorySegment start = channel.map(MapMode.READ_ONLY, 0,
                    Math.min(GgufReader.MAGIC.length, channel.size()), arena);
            return CheckpointFile.startsWith(start, GgufReader.MAGIC);
        }
    }

    private static Checkpoint openGguf(Path path) throws IOException {
        GgufFile file = GgufFile.open(path);
        try {
            GgufReader reader = new GgufReader(file);
            return new Checkpoint(path, file::close, Container.GGUF, reader.read(file.tensors().values()),
                    reader.constants(), Optional.of(file.metadata()));
        } catch (Throwable e) {
            file.close();
            throw e;
        }
    }

    /**
     * Of the whole content of a file that isn't GGUF. The checkpoint closes the arena, which is shared if several threads
     * are to read tensors.
     */
    static Checkpoint read(Path path, Arena arena, MemorySegment file) throws IOException {
        CheckpointFile content = file.byteSize() > 0 && ShardIndex.recognises(file)
                ? ShardIndex.read(path, file, arena)
                : CheckpointFile.read(path, file);
        if (content.container() == Container.RWKV_CPP) {
            return new Checkpoint(path, arena::close, content.container(), content.tensors(), ModelConstants.OFFICIAL,
                    Optional.empty());
        }
        Dialect dialect = Dialect.of(content.tensors().keySet());
        Map<String, CheckpointTensor> tensors = dialect.translate(path, content.tensors());
        return new Checkpoint(path, arena::close, content.container(), tensors, dialect.constants(path, tensors),
                Optional.empty());
    }

    Path path() {
        return path;
    }

    /** All files that it consists of. */
    Set<Path> files() {
        Set<Path> files = new LinkedHashSet<>(Set.of(path));
        tensors.values().forEach(tensor -> files.add(tensor.file()));
        return files;
    }

    Container container() {
        return container;
    }

    /** In the order of the file. */
    Map<String, CheckpointTensor> tensors() {
        return Collections.unmodifiableMap(tensors);
    }

    /** What the model needs to know beside its tensors. */
    ModelConstants constants() {
        return constants;
    }

    boolean isGguf() {
        return container == Container.GGUF;
    }

    /** What a GGUF file says about its model and its tokenizer; other checkpoints say nothing. */
    Optional<GgufMetadata> metadata() {
        return metadata;
    }

    /** Unmaps the files: no tensor may be used any more. */
    @Override
    public void close() {
        unmap.run();
    }
}
