package dev.rwkv4j;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where the reference data lie: beside the checkout, or where the environment variable RWKV4J_DATA says. */
public final class TestData {
    private TestData() {
    }

    /** The path of a file or folder of the reference data; skips the test that asks where it is absent. */
    public static Path require(String name) {
        String configured = System.getenv("RWKV4J_DATA");
        Path data = configured != null ? Path.of(configured) : Path.of("..", "..", "shared", "data");
        Path path = data.resolve(name);
        assumeTrue(Files.exists(path), () -> "skipped: there is no " + path.toAbsolutePath().normalize()
                + " (set RWKV4J_DATA)");
        return path;
    }
}
