package dev.rwkv4j.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A GGUF file, mapped into memory and checked.
 *
 * <p>{@link #open} reads and validates everything but the tensors' values: when it returns, every tensor lies inside the
 * file and has the length that its type and dimensions ask for. Versions 2 and 3 are read, little-endian.
 *
 * <p>Immutable and safe for all threads. After {@link #close}, which may be called more than once, every access to
 * tensor data and to metadata values throws {@link IllegalStateException}. The file must not be made shorter while it is
 * open.
 */
public final class GgufFile implements AutoCloseable {
    private final Path path;
    private final Arena arena;
    private final GgufHeader header;
    private final long byteSize;
    private final AtomicBoolean closed = new AtomicBoolean();

    private GgufFile(Path path, Arena arena, GgufHeader header, long byteSize) {
        this.path = path;
        this.arena = arena;
        this.header = header;
        this.byteSize = byteSize;
    }

    /**
     * Opens a file.
     *
     * @param path the file
     * @return the open file, to be closed by the caller
     * @throws GgufFormatException if it is not a GGUF file, is damaged, or has a tensor of an unknown type
     * @throws IOException if it cannot be read
     */
    public static GgufFile open(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        if (Files.isDirectory(path)) {
            throw new FileSystemException(path.toString(), null, "is a directory, not a GGUF file");
        }
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size == 0) {
                throw new GgufFormatException(path, "the file is empty");
            }
            Arena arena = Arena.ofShared();
            try {
                MemorySegment file = channel.map(MapMode.READ_ONLY, 0, size, arena);
                return new GgufFile(path, arena, GgufHeader.read(path, file), size);
            } catch (Throwable e) {
                arena.close();
                throw e;
            }
        }
    }

    /** {@return the path that was opened} */
    public Path path() {
        return path;
    }

    /** {@return the version of the container, 2 or 3} */
    public int version() {
        return header.version();
    }

    /** {@return the length of the file in bytes} */
    public long byteSize() {
        return byteSize;
    }

    /** {@return the metadata, in the order of the file} */
    public GgufMetadata metadata() {
        return header.metadata();
    }

    /** {@return the tensors by name, in the order of the file; unmodifiable} */
    public Map<String, GgufTensor> tensors() {
        return Collections.unmodifiableMap(header.tensors());
    }

    /**
     * A tensor that has to be there.
     *
     * @param name its name
     * @return the tensor
     * @throws GgufFormatException if the file has no such tensor
     */
    public GgufTensor tensor(String name) throws GgufFormatException {
        GgufTensor tensor = header.tensors().get(name);
        if (tensor == null) {
            throw new GgufFormatException(path, "there is no tensor " + name);
        }
        return tensor;
    }

    /** Unmaps the file. No thread may be reading tensor data outside of Java's memory access at that time. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            arena.close();
        }
    }

    @Override
    public String toString() {
        return "GgufFile[" + path + ", " + header.tensors().size() + " tensors]";
    }
}
