package dev.rwkv4j.tool;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A name for a file that is needed for a while: deleted by {@link #close}, and when the process is told to end (Ctrl-C). */
final class TemporaryFile implements AutoCloseable {
    private final Path path;
    private final Thread deletion;

    private TemporaryFile(Path path) {
        this.path = path;
        this.deletion = new Thread(this::deleteQuietly, "delete-" + path.getFileName());
        Runtime.getRuntime().addShutdownHook(deletion);
    }

    /** In the folder of another file, where there has to be room for that one, too. */
    static TemporaryFile beside(Path file) {
        return new TemporaryFile(
                file.resolveSibling("." + file.getFileName() + "." + ProcessHandle.current().pid() + "-"
                        + System.nanoTime() + ".tmp"));
    }

    Path path() {
        return path;
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
