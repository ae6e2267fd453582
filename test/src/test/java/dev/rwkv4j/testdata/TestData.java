package dev.rwkv4j.testdata;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where the files lie that tests read. A few golden models are part of the repository; the others are outside, in the
 * folder that the environment variable RWKV4J_DATA names, or else in ../shared/data beside the project.
 */
public final class TestData {
    /** Folder of the module that the tests run in. */
    private static final Path MODULE = Path.of("").toAbsolutePath();

    private static final Path COMMITTED = MODULE.resolve("golden");

    private TestData() {
    }

    /** The root of the repository. */
    public static Path repository() {
        return MODULE.getParent();
    }

    /** The folder outside of the repository, whether it is there or not. */
    public static Path shared() {
        String chosen = System.getenv("RWKV4J_DATA");
        return chosen != null ? Path.of(chosen) : MODULE.resolveSibling("../shared/data").normalize();
    }

    /** A file of the shared data, for example {@code gguf/index.json}. Skips the test where the file is absent. */
    public static Path shared(String file) {
        Path path = shared().resolve(file);
        assumeTrue(Files.exists(path), () -> path + " is absent (set RWKV4J_DATA to the folder of test data)");
        return path;
    }

    /** A file of the golden data: the repository's, or that of the shared data. */
    public static Path golden(String file) {
        Path committed = COMMITTED.resolve(file);
        return Files.exists(committed) ? committed : shared("golden/" + file);
    }

    /** Little-endian float32. */
    public static float[] floats(Path path) throws IOException {
        FloatBuffer buffer = bytes(path).asFloatBuffer();
        float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
    }

    /** Little-endian float64. */
    public static double[] doubles(Path path) throws IOException {
        DoubleBuffer buffer = bytes(path).asDoubleBuffer();
        double[] values = new double[buffer.remaining()];
        buffer.get(values);
        return values;
    }

    private static ByteBuffer bytes(Path path) throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    }
}
