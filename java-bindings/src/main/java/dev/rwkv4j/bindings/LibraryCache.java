package dev.rwkv4j.bindings;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/**
 * A folder that libraries are extracted into, one subfolder for each content, named by its checksum: versions live side by
 * side, and a file is written once. Any number of processes may use one cache at once: a file appears whole, by an atomic
 * move, and what is there already is compared with the wanted content before it is used. Folders and files are
 * readable and writable by their owner only.
 */
sealed interface LibraryCache {
    /** For messages. */
    String name();

    /**
     * Makes sure that the file is there.
     *
     * @return its absolute path
     */
    Path install(String fileName, byte[] content) throws IOException;

    /** Where to extract to, best first: the user's cache folder, and if that can't be written a temporary one. */
    static List<LibraryCache> candidates() {
        return List.of(
                new PerUser(userFolder(Platform.current().os(), System.getenv(), System.getProperty("user.home"))),
                new Temporary());
    }

    /** The folder for caches of this user, as the operating system's custom has it. */
    static Path userFolder(String os, Map<String, String> environment, String home) {
        return switch (os) {
            case "windows" -> folder(environment.get("LOCALAPPDATA"), Path.of(home, "AppData", "Local"));
            case "macos" -> Path.of(home, "Library", "Caches");
            default -> folder(environment.get("XDG_CACHE_HOME"), Path.of(home, ".cache"));
        };
    }

    private static Path folder(String named, Path otherwise) {
        // The XDG specification: a path that is not absolute is ignored.
        return named != null && !named.isEmpty() && Path.of(named).isAbsolute() ? Path.of(named) : otherwise;
    }

    /** Keeps the files for the next process. */
    record PerUser(Path userFolder) implements LibraryCache {
        @Override
        public String name() {
            return "the cache " + root();
        }

        private Path root() {
            return userFolder.resolve("rwkv4j");
        }

        @Override
        public Path install(String fileName, byte[] content) throws IOException {
            Path target = root().resolve(nameOf(content)).resolve(fileName).toAbsolutePath();
            if (!holds(target, content)) {
                Files.createDirectories(target.getParent(), ownerOnly());
                place(target, content);
            }
            return target;
        }
    }

    /** Is deleted when the process ends, as far as the operating system lets it. */
    record Temporary() implements LibraryCache {
        @Override
        public String name() {
            return "a temporary folder in " + System.getProperty("java.io.tmpdir");
        }

        @Override
        public Path install(String fileName, byte[] content) throws IOException {
            Path folder = Files.createTempDirectory("rwkv4j-").toAbsolutePath();
            folder.toFile().deleteOnExit();
            Path target = folder.resolve(fileName);
            target.toFile().deleteOnExit(); // before its folder: the order is reversed
            place(target, content);
            return target;
        }
    }

    private static void place(Path target, byte[] content) throws IOException {
        Path partial = Files.createTempFile(target.getParent(), "partial-", ".tmp");
        try {
            Files.write(partial, content);
            Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            // Windows does not replace a library that another process has loaded. If that one is right, all is well.
            if (!holds(target, content)) {
                throw e;
            }
        } finally {
            Files.deleteIfExists(partial);
        }
    }

    private static boolean holds(Path file, byte[] content) throws IOException {
        return Files.isRegularFile(file) && Files.size(file) == content.length
                && Arrays.equals(Files.readAllBytes(file), content);
    }

    /** The CRC and the length: only there to keep versions apart. What a file holds is compared byte by byte. */
    private static String nameOf(byte[] content) {
        CRC32 crc = new CRC32();
        crc.update(content);
        return Long.toHexString(crc.getValue()) + "-" + content.length;
    }

    private static FileAttribute<?>[] ownerOnly() {
        return FileSystems.getDefault().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[]{
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))}
                : new FileAttribute<?>[0];
    }
}
