package dev.rwkv4j.tool;

import dev.rwkv4j.CpuInfo;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.function.Supplier;

/** What {@code rwkv --version} prints. */
final class Version implements Supplier<String> {
    @Override
    public String get() {
        CpuInfo cpu = CpuInfo.current();
        return "rwkv " + ofProgram() + "\nJava " + Runtime.version() + " in " + System.getProperty("java.home") + "\n"
                + cpu.tier() + " kernels (there are: "
                + String.join(" ", cpu.tiers()) + "), " + cpu.processors() + " processors";
    }

    private static String ofProgram() {
        try (InputStream in = Version.class.getResourceAsStream("version.txt")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
