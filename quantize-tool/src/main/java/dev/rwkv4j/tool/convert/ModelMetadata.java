package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.gguf.GgufWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/** The metadata of a new file but for its tokenizer: keys, and their order, are those of llama.cpp's converter. */
final class ModelMetadata {
    static final String NAME = "general.name";

    /** After the architecture; only where it isn't the official one. */
    static final String GROUP_NORM_EPSILON = ".attention.group_norm_epsilon";

    private static final int QUANTIZATION_VERSION = 2;

    private ModelMetadata() {
    }

    /**
     * @param name of the model, for people
     * @param elements of all tensors
     * @param fileType what the file says it is, as a whole
     */
    static void put(GgufWriter writer, String name, ModelSizes sizes, ModelConstants constants,
            long elements, GgmlType fileType) {
        String prefix = sizes.architecture() + ".";
        writer.putString("general.architecture", sizes.architecture())
                .putString("general.type", "model")
                .putString(NAME, name)
                .putString("general.size_label", sizeLabel(elements))
                .putUint32(prefix + "context_length", constants.contextLength())
                .putUint32(prefix + "embedding_length", sizes.width())
                .putUint32(prefix + "block_count", sizes.layers())
                .putFloat32(prefix + "attention.layer_norm_epsilon", constants.layerNormEpsilon());
        if (!constants.hasOfficialGroupNorm()) {
            writer.putFloat32(sizes.architecture() + GROUP_NORM_EPSILON, constants.groupNormEpsilon());
        }
        if (sizes.version() == 6) {
            writer.putUint32(prefix + "rescale_every_n_layers", constants.rescaleEvery());
        }
        if (sizes.version() != 4) {
            writer.putUint32(prefix + "wkv.head_size", sizes.headSize());
        }
        putRanks(writer, prefix, sizes);
        writer.putUint32(prefix + "feed_forward_length", sizes.hidden())
                .putUint32(FileType.KEY, FileType.of(fileType))
                .putUint32(prefix + "attention.head_count", 0)
                .putUint32("general.quantization_version", QUANTIZATION_VERSION);
    }

    /**
     * Checks that what a GGUF file says about its sizes is what its tensors say.
     *
     * @throws CheckpointFormatException if not
     */
    static void check(Path file, GgufMetadata metadata, ModelSizes sizes) throws IOException {
        check(file, metadata, sizes.architecture() + ".embedding_length", sizes.width());
        check(file, metadata, sizes.architecture() + ".block_count", sizes.layers());
        check(file, metadata, sizes.architecture() + ".feed_forward_length", sizes.hidden());
    }

    private static void check(Path file, GgufMetadata metadata, String key, long actual) throws IOException {
        long stated = metadata.getLong(key, actual);
        if (stated != actual) {
            throw new CheckpointFormatException(file,
                    "metadata key " + key + " is " + stated + ", and the tensors say " + actual);
        }
    }

    private static void putRanks(GgufWriter writer, String prefix, ModelSizes sizes) {
        long[] ranks = sizes.ranks();
        if (sizes.version() == 6) {
            writer.putUint32(prefix + "time_mix_extra_dim", ranks[0])
                    .putUint32(prefix + "time_decay_extra_dim", ranks[1]);
        } else if (sizes.version() == 7) {
            writer.putUint32(prefix + "attention.decay_lora_rank", ranks[0])
                    .putUint32(prefix + "attention.iclr_lora_rank", ranks[1])
                    .putUint32(prefix + "attention.value_residual_mix_lora_rank", ranks[2])
                    .putUint32(prefix + "attention.gate_lora_rank", ranks[3]);
        }
    }

    /** A number of weights with two digits or more, for example 1.5B or 191M. */
    private static String sizeLabel(long weights) {
        if (weights > 1_000_000_000) {
            return label(weights / 1e9, "B");
        }
        return weights > 1_000_000 ? label(weights / 1e6, "M") : label(weights / 1e3, "K");
    }

    private static String label(double number, String unit) {
        return String.format(Locale.ROOT, Math.rint(number) < 10 ? "%.1f%s" : "%.0f%s", number, unit);
    }
}
