package dev.rwkv4j.tool;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** How much memory this process holds, as the operating system counts it: Java, the model, all. */
final class ProcessMemory {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    /** What sets the peak to the present amount. */
    private static final String RESET_PEAK = "5";

    private static final String PEAK = "VmHWM:";
    private static final int KIB = 1024;

    private ProcessMemory() {
    }

    /** Begins to watch for a new peak, where Linux lets us; elsewhere the peak is that since the start. */
    static void resetPeak() {
        try {
            Files.writeString(CLEAR, RESET_PEAK);
        } catch (IOException e) {
            // Not Linux, or not allowed.
        }
    }

    /** The most bytes that were resident at once; where there is no Linux, those that are resident now, if that is known. */
    static OptionalLong peakResidentBytes() {
        try {
            return Files.exists(STATUS) ? fromStatus() : fromPs();
        } catch (IOException | NumberFormatException e) {
            return OptionalLong.empty();
        }
    }

    private static OptionalLong fromStatus() throws IOException {
        return Files.readAllLines(STATUS).stream()
                .filter(line -> line.startsWith(PEAK))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * KIB)
                .findFirst();
    }

    private static OptionalLong fromPs() throws IOException {
        String pid = Long.toString(ProcessHandle.current().pid());
        Process ps = new ProcessBuilder("ps", "-o", "rss=", "-p", pid).start();
        String resident = new String(ps.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return OptionalLong.of(Long.parseLong(resident.strip()) * KIB);
    }
}
