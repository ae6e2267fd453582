package dev.rwkv4j.tool;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** A name for a file that is needed for a while: deleted by {@link #close}, and when the process is told to end (Ctrl-C). */
final class TemporaryFile implements AutoCloseable {
    private final Path neighbour;
    private final Path path;
    private final Thread deletion;

    private TemporaryFile(Path neighbour, Path path) {
        this.neighbour = neighbour;
        this.path = path;
        this.deletion = new Thread(this::deleteQuietly, "delete-" + path.getFileName());
        Runtime.getRuntime().addShutdownHook(deletion);
    }

    /** In the folder of another file, where there has to be room for that one, too. */
    static TemporaryFile beside(Path file) {
        return new TemporaryFile(file,
                file.resolveSibling("." + file.getFileName() + "." + ProcessHandle.current().pid() + "-"
                        + System.nanoTime() + ".tmp"));
    }

    Path path() {
        return path;
    }

    /** Makes the content of a file. */
    @FunctionalInterface
    interface Content {
        void writeTo(Path file) throws IOException;
    }

    /** Has it written. Where it can't be, the other file is named, which is the one that somebody has asked for. */
    void fill(Content content) throws IOException {
        try {
            content.writeTo(path);
        } catch (FileSystemException e) {
            throw path.toString().equals(e.getFile()) ? blame(neighbour, e.getReason(), e) : e;
        } catch (IOException e) {
            throw e.getClass() == IOException.class ? blame(neighbour, e.getMessage(), e) : e; // the operating system's
        }
    }

    private static FileSystemException blame(Path file, String reason, IOException cause) {
        String name = file.toString();
        FileSystemException blaming = switch (cause) { // the first two give no other reason than their class
            case NoSuchFileException _ -> new NoSuchFileException(name, null, reason);
            case AccessDeniedException _ -> new AccessDeniedException(name, null, reason);
            default -> new FileSystemException(name, null, reason);
        };
        blaming.initCause(cause);
        return blaming;
    }

    private void deleteQuietly() {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            // nobody is left to be told
        }
    }

    @Override
    public void close() throws IOException {
        try {
            Runtime.getRuntime().removeShutdownHook(deletion);
        } catch (IllegalStateException e) {
            return; // the process is ending, and the hook deletes it
        }
        Files.deleteIfExists(path);
    }
}
