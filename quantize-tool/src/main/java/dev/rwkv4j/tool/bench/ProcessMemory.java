package dev.rwkv4j.tool.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** How much memory this process holds, as the operating system counts it: Java, the model, all. */
public final class ProcessMemory {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    /** What sets the peak to the present amount. */
    private static final String RESET_PEAK = "5";

    private static final String PEAK = "VmHWM:";
    private static final String NOW = "VmRSS:";
    private static final int KIB = 1024;

    private ProcessMemory() {
    }

    /** Begins to watch for a new peak, where Linux lets us; elsewhere the peak is that since the start. */
    public static void resetPeak() {
        try {
            Files.writeString(CLEAR, RESET_PEAK);
        } catch (IOException e) {
            // Not Linux, or not allowed.
        }
    }

    /** The most bytes that were resident at once; where there is no Linux, those that are resident now, if that is known. */
    public static OptionalLong peakResidentBytes() {
        return bytes(PEAK);
    }

    /** The bytes that are resident now, if that is known. */
    public static OptionalLong residentBytes() {
        return bytes(NOW);
    }

    private static OptionalLong bytes(String field) {
        try {
            return Files.exists(STATUS) ? fromStatus(field) : fromPs();
        } catch (IOException | NumberFormatException e) {
            return OptionalLong.empty();
        }
    }

    private static OptionalLong fromStatus(String field) throws IOException {
        return Files.readAllLines(STATUS).stream()
                .filter(line -> line.startsWith(field))
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
