package dev.rwkv4j.tool;

import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.UsageException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The rule for files that a command makes: one that is there is replaced only if that was asked for. */
final class OutputFile {
    static final String OPTION = "force";
    static final String DESCRIPTION = "replace the output file if there is one";

    private OutputFile() {
    }

    static Path check(Path file, Arguments arguments) throws UsageException {
        if (Files.exists(file) && !arguments.has(OPTION)) {
            throw new UsageException(file + " exists already; --" + OPTION + " replaces it");
        }
        return file;
    }
}
