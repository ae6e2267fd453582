package dev.rwkv4j.tool;

import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.UsageException;
import dev.rwkv4j.tool.convert.InputFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** The rule for files that a command makes: one that is there is replaced only if that was asked for. */
final class OutputFile {
    static final String OPTION = "force";
    static final String DESCRIPTION = "replace the output file if there is one";

    private OutputFile() {
    }

    /** Refuses a file that is also the value of one of these options, which name what is read. */
    static void refuseInputs(Path file, Arguments arguments, String... inputs) throws UsageException, IOException {
        for (String option : inputs) {
            InputFiles.refuse(file, arguments.paths(option));
        }
    }

    /**
     * The file itself. Inputs, which are values of these options, are never replaced; and that there is no place for it, is
     * told now, not after an hour.
     */
    static Path check(Path file, Arguments arguments, String... inputs) throws UsageException, IOException {
        refuseInputs(file, arguments, inputs);
        Path directory = file.toAbsolutePath().getParent();
        if (directory == null || !Files.isDirectory(directory)) {
            throw new UsageException(file + ": its directory does not exist");
        }
        if (Files.exists(file) && !arguments.has(OPTION)) {
            throw new UsageException(file + " exists already; --" + OPTION + " replaces it");
        }
        return file;
    }

    static void write(Path target, String content) throws IOException {
        write(target, content.getBytes(StandardCharsets.UTF_8));
    }

    /** Writes under another name first, so that the file is whole or not there. */
    static void write(Path target, byte[] content) throws IOException {
        try (TemporaryFile partial = TemporaryFile.beside(target)) {
            partial.fill(file -> Files.write(file, content));
            Files.move(partial.path(), target, StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
