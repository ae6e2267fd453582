package dev.rwkv4j.testdata;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.tool.random.MatrixTypes;
import dev.rwkv4j.tool.random.ModelShape;
import dev.rwkv4j.tool.random.ModelShape.LowRanks;
import dev.rwkv4j.tool.random.ModelShape.Version;
import dev.rwkv4j.tool.random.RandomModel;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Random models of a few hundred kilobytes, with a token for each byte. Their weights are F32: activations are not
 * quantised then, so that all ways of evaluating agree to rounding.
 */
public final class SmallModels {
    /** Layers, width and so on of all of them. */
    public static final int LAYERS = 2;
    public static final int WIDTH = 64;
    public static final int HEAD_SIZE = 32;
    public static final int CHANNEL_MIX_WIDTH = 96;
    public static final int VOCABULARY = 256;

    private static final LowRanks RANKS = new LowRanks(8, 8, 8, 8, 16);

    private SmallModels() {
    }

    /** Writes a model of a version, and returns its path. */
    public static Path write(Path folder, Version version) throws IOException {
        return write(folder.resolve("small-" + version + ".gguf"), version, VOCABULARY, 1);
    }

    /** Writes a model with another vocabulary or other values. */
    public static Path write(Path file, Version version, int vocabulary, long seed) throws IOException {
        ModelShape shape = new ModelShape(version, LAYERS, WIDTH, HEAD_SIZE, CHANNEL_MIX_WIDTH, vocabulary, RANKS);
        new RandomModel(shape, MatrixTypes.uniform(GgmlType.F32), seed).write(file, _ -> {
        });
        return file;
    }
}
