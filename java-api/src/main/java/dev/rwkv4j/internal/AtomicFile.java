package dev.rwkv4j.internal;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * A file that appears under its name complete or not at all. It grows under a temporary name beside the target;
 * {@link #commit} moves it there, {@link #close} without commit deletes it, and so does a shutdown hook when the JVM is
 * told to end (Ctrl-C) meanwhile.
 */
public final class AtomicFile implements AutoCloseable {
    /**
     * The size of huge pages. Linux keeps what is written in pages of the size of the write, as far as the file system
     * can; a model that is then mapped is read from huge ones a tenth faster.
     */
    private static final int BUFFER_BYTES = 1 << 21;

    /** With fewer bytes left, a disk that refuses to take more is full. */
    private static final int FULL_DISK_BYTES = 1 << 18;

    private final Path target;
    private final Path temporary;
    private final FileChannel channel;
    private final Thread cleanUp;
    private final Arena arena = Arena.ofShared();
    private final ByteBuffer buffer = arena.allocate(BUFFER_BYTES).asByteBuffer();
    private long position;

    private AtomicFile(Path target, Path temporary, FileChannel channel) {
        this.target = target;
        this.temporary = temporary;
        this.channel = channel;
        this.cleanUp = new Thread(() -> deleteQuietly(temporary), "delete-" + temporary.getFileName());
        Runtime.getRuntime().addShutdownHook(cleanUp);
    }

    /**
     * Begins a file.
     *
     * @param target the name under which it will appear; a regular file that is there is replaced then
     * @return the file, to be closed
     * @throws IOException if it cannot be created there
     */
    public static AtomicFile create(Path target) throws IOException {
        if (Files.exists(target) && !Files.isRegularFile(target)) {
            throw new FileSystemException(target.toString(), null,
                    "is not a regular file and cannot be replaced by one");
        }
        Path directory = target.toAbsolutePath().getParent();
        if (directory == null || !Files.isDirectory(directory)) {
            throw new NoSuchFileException(target.toString(), null, "its directory does not exist");
        }
        Path temporary = directory.resolve(
                "." + target.getFileName() + "." + ProcessHandle.current().pid() + "-" + System.nanoTime() + ".tmp");
        FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        return new AtomicFile(target, temporary, channel);
    }

    /** {@return how many bytes have been written} */
    public long position() {
        return position;
    }

    /**
     * Appends bytes.
     *
     * @param bytes what to append; may be reused as soon as this returns
     * @throws IOException if they cannot be written, for example because the disk is full
     */
    public void write(MemorySegment bytes) throws IOException {
        for (long done = 0; done < bytes.byteSize();) {
            long piece = Math.min(buffer.remaining(), bytes.byteSize() - done);
            MemorySegment.copy(bytes, done, MemorySegment.ofBuffer(buffer), 0, piece);
            buffer.position(buffer.position() + (int) piece);
            done += piece;
            position += piece;
            if (!buffer.hasRemaining()) {
                flush();
            }
        }
    }

    /**
     * A stream that appends to this file. Closing it does nothing.
     *
     * @return the stream, not buffered further
     */
    public OutputStream stream() {
        return new OutputStream() {
            @Override
            public void write(int value) throws IOException {
                write(new byte[]{(byte) value});
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                AtomicFile.this.write(MemorySegment.ofArray(bytes).asSlice(offset, length));
            }
        };
    }

    /**
     * Makes the file appear under its name.
     *
     * @throws IOException if what is still to be written cannot be, or the file cannot be moved
     */
    public void commit() throws IOException {
        flush();
        channel.force(false);
        channel.close();
        try {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    @Override
    public void close() throws IOException {
        try {
            channel.close();
        } finally {
            if (arena.scope().isAlive()) {
                arena.close();
            }
            deleteQuietly(temporary);
            try {
                Runtime.getRuntime().removeShutdownHook(cleanUp);
            } catch (IllegalStateException e) {
                // The JVM is ending; the hook finds nothing to delete.
            }
        }
    }

    private void flush() throws IOException {
        buffer.flip();
        try {
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
        } catch (IOException e) {
            throw explain(e);
        }
        buffer.clear();
    }

    /** The operating system's message does not name the file, and not every system says plainly that a disk is full. */
    private IOException explain(IOException e) {
        String reason = e.getMessage();
        try {
            if (Files.getFileStore(temporary).getUsableSpace() < FULL_DISK_BYTES) {
                reason = "the disk is full";
            }
        } catch (IOException unknown) {
            e.addSuppressed(unknown);
        }
        FileSystemException explained = new FileSystemException(target.toString(), null,
                "writing failed after " + position + " bytes: " + reason);
        explained.initCause(e);
        return explained;
    }

    /** After a commit there is nothing under the temporary name; nothing else can be done about a failure either. */
    private static void deleteQuietly(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            file.toFile().deleteOnExit();
        }
    }
}
