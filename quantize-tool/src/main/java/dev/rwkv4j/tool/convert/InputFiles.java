package dev.rwkv4j.tool.convert;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;

/** Files that are read, which must not be lost to what is made of them. */
public final class InputFiles {
    private InputFiles() {
    }

    /**
     * Refuses a new file that would take the place of one that is read, under whatever name.
     *
     * @param target the new file
     * @param inputs what is read; those that are not there do not matter
     * @throws FileSystemException if it is one of them
     * @throws IOException if the files can't be looked at
     */
    public static void refuse(Path target, Collection<Path> inputs) throws IOException {
        for (Path input : inputs) {
            if (Files.exists(target) && Files.exists(input) && Files.isSameFile(input, target)) {
                throw new FileSystemException(target.toString(), null,
                        "is one of the files that are to be read, and can't be replaced by what is made of them");
            }
        }
    }
}
