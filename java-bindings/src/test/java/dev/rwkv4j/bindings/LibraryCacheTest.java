package dev.rwkv4j.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibraryCacheTest {
    private static final byte[] CONTENT = {1, 2, 3, 4};

    @TempDir
    private Path folder;

    @Test
    void theFileAppearsWholeAndPrivate() throws IOException {
        Path file = cache().install("x.so", CONTENT);

        assertThat(file).isAbsolute().startsWith(folder.toAbsolutePath()).hasBinaryContent(CONTENT);
        assertThat(filesBeside(file)).containsExactly("x.so");
        if (FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-------");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent())))
                    .isEqualTo("rwx------");
        }
    }

    @Test
    void whatIsThereIsUsedAgain() throws IOException {
        Path file = cache().install("x.so", CONTENT);
        FileTime old = FileTime.fromMillis(1_000_000_000_000L);
        Files.setLastModifiedTime(file, old);

        assertThat(cache().install("x.so", CONTENT)).isEqualTo(file);
        assertThat(Files.getLastModifiedTime(file)).isEqualTo(old);
    }

    @Test
    void aDamagedFileIsReplaced() throws IOException {
        for (byte[] damaged : new byte[][]{{}, {1, 2}, {1, 2, 3, 5}}) {
            Path file = cache().install("x.so", CONTENT);
            Files.write(file, damaged);

            assertThat(cache().install("x.so", CONTENT)).isEqualTo(file).hasBinaryContent(CONTENT);
            assertThat(filesBeside(file)).containsExactly("x.so");
        }
    }

    @Test
    void anotherContentLiesElsewhere() throws IOException {
        for (byte[] other : new byte[][]{{9}, {4, 3, 2, 1}}) {
            assertThat(cache().install("x.so", other)).isNotEqualTo(cache().install("x.so", CONTENT));
        }
    }

    @Test
    void aFolderThatCannotBeMadeIsAnError() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));

        assertThatIOException().isThrownBy(() -> new LibraryCache.PerUser(file).install("x.so", CONTENT));
    }

    @Test
    void theTemporaryFolderIsPrivate() throws IOException {
        Path file = new LibraryCache.Temporary().install("x.so", CONTENT);
        try {
            assertThat(file).hasBinaryContent(CONTENT);
            assumeTrue(FileSystems.getDefault().supportedFileAttributeViews().contains("posix"),
                    "no POSIX permissions");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent())))
                    .isEqualTo("rwx------");
        } finally {
            Files.delete(file);
            Files.delete(file.getParent());
        }
    }

    @Test
    void theUsersFolderIsWhereTheSystemsCustomHasIt() {
        String home = folder.toString();
        String elsewhere = folder.resolve("elsewhere").toAbsolutePath().toString();

        assertThat(LibraryCache.userFolder("linux", Map.of(), home)).isEqualTo(folder.resolve(".cache"));
        assertThat(LibraryCache.userFolder("linux", Map.of("XDG_CACHE_HOME", elsewhere), home)).hasToString(elsewhere);
        assertThat(LibraryCache.userFolder("linux", Map.of("XDG_CACHE_HOME", "relative"), home))
                .isEqualTo(folder.resolve(".cache"));
        assertThat(LibraryCache.userFolder("macos", Map.of(), home))
                .isEqualTo(folder.resolve("Library").resolve("Caches"));
        assertThat(LibraryCache.userFolder("windows", Map.of("LOCALAPPDATA", elsewhere), home)).hasToString(elsewhere);
    }

    private LibraryCache cache() {
        return new LibraryCache.PerUser(folder.resolve("cache"));
    }

    private static List<String> filesBeside(Path file) throws IOException {
        try (Stream<Path> files = Files.list(file.getParent())) {
            return files.map(path -> path.getFileName().toString()).toList();
        }
    }
}
