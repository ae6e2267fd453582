package dev.rwkv4j.tool.convert;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What {@code config.json}, beside a checkpoint of Hugging Face, says that tensors can't. Whatever can be seen in the
 * tensors is not read here.
 */
final class ModelConfig {
    private static final double EPSILON = 1e-5;

    private final Path path;

    /** Also called {@code layer_norm_epsilon}. */
    private double normEpsilon = EPSILON;

    /** Before the group norm the values are divided by this, and its epsilon is {@link #EPSILON}. */
    private double headSizeDivisor = 8;

    private ModelConfig(Path path) {
        this.path = path;
    }

    /**
     * Reads the file beside a checkpoint, if there is one.
     *
     * @throws CheckpointFormatException if it isn't JSON, has an impossible number or says that the model has other
     *     layers than those of RWKV
     * @throws IOException if it can't be read
     */
    static ModelConfig beside(Path checkpoint) throws IOException {
        Path file = checkpoint.resolveSibling("config.json");
        ModelConfig config = new ModelConfig(file);
        if (Files.exists(file)) {
            try (Arena arena = Arena.ofConfined()) {
                StrictJson.read(file, "the configuration", CheckpointFile.map(file, arena),
                        json -> json.object(name -> config.read(json, name)));
            }
        }
        return config;
    }

    private void read(StrictJson json, String name) throws IOException {
        switch (name) {
            case "norm_eps", "layer_norm_epsilon" -> normEpsilon = number(json, name, normEpsilon, 1);
            case "head_size_divisor" -> headSizeDivisor = number(json, name, headSizeDivisor, 1000);
            case "attn" -> refuseAttention(json);
            default -> json.skip();
        }
    }

    private double number(StrictJson json, String name, double absent, double most) throws IOException {
        if (json.isNull()) {
            return absent;
        }
        double number = json.real();
        if (!(number > 0 && number <= most)) {
            throw new CheckpointFormatException(path, name + " is " + number + " where a number above 0 and up to "
                    + most + " was expected");
        }
        return number;
    }

    private void refuseAttention(StrictJson json) throws IOException {
        if (!json.isNull()) {
            throw new CheckpointFormatException(path,
                    "attn says that some layers are attention layers; such hybrids are not supported");
        }
    }

    double normEpsilon() {
        return normEpsilon;
    }

    /** Of the group norm, where it is not derived from the other one. */
    double groupNormEpsilon() {
        return EPSILON * headSizeDivisor * headSizeDivisor;
    }
}
