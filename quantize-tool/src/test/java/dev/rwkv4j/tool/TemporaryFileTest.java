package dev.rwkv4j.tool;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TemporaryFileTest {
    @TempDir
    private Path folder;

    /** The tool tells what happened by the class where there is no reason. */
    @Test
    void whatKeepsItFromBeingWrittenIsToldOfTheOtherFile() throws IOException {
        Path asked = folder.resolve("asked");
        try (TemporaryFile file = TemporaryFile.beside(asked)) {
            assertThatThrownBy(() -> file.fill(path -> {
                throw new AccessDeniedException(path.toString());
            })).isInstanceOf(AccessDeniedException.class).hasMessage(asked.toString());
            assertThatThrownBy(() -> file.fill(path -> {
                throw new NoSuchFileException(path.toString());
            })).isInstanceOf(NoSuchFileException.class).hasMessage(asked.toString());
            assertThatThrownBy(() -> file.fill(path -> {
                throw new FileSystemException(path.toString(), null, "File name too long");
            })).isExactlyInstanceOf(FileSystemException.class).hasMessage(asked + ": File name too long");
        }
    }

    @Test
    void whatKeepsAnotherFileFromBeingReadIsToldOfThatOne() throws IOException {
        try (TemporaryFile file = TemporaryFile.beside(folder.resolve("asked"))) {
            assertThatThrownBy(() -> file.fill(_ -> {
                throw new NoSuchFileException("source");
            })).isInstanceOf(NoSuchFileException.class).hasMessage("source");
        }
    }
}
