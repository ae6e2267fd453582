package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.gguf.Printable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads models that are GGUF already, those of llama.cpp included, so that they can be written anew: in another type, or
 * with another vocabulary.
 */
final class GgufReader {
    static final byte[] MAGIC = {'G', 'G', 'U', 'F'};

    private static final String TIME_MIX = "time_mix_";

    private static final String CHANNEL_MIX = "channel_mix_";

    private static final String FUSED = ".time_mix_lerp_fused.weight";

    /** What the vectors of a fused tensor are called, in its order, and those of the channel mix. */
    private record Lerps(String timeMix, String letters, String channelMix) {
    }

    private static final Map<Integer, Lerps> LERPS = Map.of(4, new Lerps("time_mix_", "kvr", "time_mix_"), 5,
            new Lerps("time_mix_", "kvrg", "time_mix_"), 6, new Lerps("time_maa_", "wkvrg", "time_maa_"), 7,
            new Lerps("x_", "rwkvag", "x_"));

    /** Names inside of a block, and globally, without their ending. */
    private static final Map<String, String> NORMS = Map.of("token_embd_norm", "blocks.0.ln0", "output_norm", "ln_out",
            "attn_norm", "ln1", "attn_norm_2", "ln2", "time_mix_ln", "att.ln_x");

    private static final Pattern NAME = Pattern.compile("(?:blk\\.(\\d+)\\.)?(.+)\\.(weight|bias)");

    private final Path path;
    private final GgufMetadata metadata;
    private final String architecture;
    private final int version;
    private final Lerps lerps;

    /**
     * Of an open file, which has to stay open as long as the tensors are used.
     *
     * @throws CheckpointFormatException if it is no RWKV model
     * @throws IOException if its metadata are damaged
     */
    GgufReader(GgufFile file) throws IOException {
        this.path = file.path();
        this.metadata = file.metadata();
        this.architecture = metadata.getString("general.architecture");
        if (!architecture.matches("rwkv[4567]")) {
            throw new CheckpointFormatException(path, "its architecture is '" + Printable.name(architecture)
                    + "', expected rwkv4, rwkv5, rwkv6 or rwkv7");
        }
        this.version = architecture.charAt(architecture.length() - 1) - '0';
        this.lerps = LERPS.get(version);
    }

    /** By BlinkDL's names, in the order of the file. */
    Map<String, CheckpointTensor> read(Iterable<GgufTensor> stored) throws IOException {
        Map<String, CheckpointTensor> tensors = new LinkedHashMap<>();
        for (GgufTensor tensor : stored) {
            CheckpointTensor read = CheckpointTensor.contiguous(path, tensor.name(), ElementType.of(tensor.type()),
                    tensor.data(), shape(tensor));
            String name = name(tensor.name());
            if (tensor.name().endsWith(FUSED)) {
                FusedLerps.split(path, read, name, letters(read), tensors);
            } else if (tensors.put(name, read) != null) {
                throw new CheckpointFormatException(path, "two tensors are named " + name);
            }
        }
        restoreHeads(tensors);
        return tensors;
    }

    private static long[] shape(GgufTensor tensor) {
        List<Long> dims = tensor.dims().reversed();
        return dims.stream().mapToLong(Long::longValue).toArray();
    }

    /** RWKV-5.0 has no gate. */
    private String letters(CheckpointTensor fused) {
        return version == 5 && fused.shape()[0] == 3 ? "kvr" : lerps.letters;
    }

    /** A name that is not known stays as it is. */
    private String name(String stored) {
        Matcher parts = NAME.matcher(stored);
        String inner = parts.matches() ? inner(parts.group(2), parts.group(3)) : null;
        if (inner == null) {
            return stored;
        }
        return parts.group(1) == null ? inner : "blocks." + parts.group(1) + "." + inner;
    }

    private String inner(String name, String ending) {
        if (NORMS.containsKey(name)) {
            return NORMS.get(name) + "." + ending;
        }
        return switch (name) {
            case "token_embd" -> "emb.weight";
            case "output" -> "head.weight";
            case "time_mix_receptance", "time_mix_key", "time_mix_value", "time_mix_output", "time_mix_gate" ->
                "att." + name.substring(TIME_MIX.length()) + ".weight";
            case "channel_mix_key", "channel_mix_value", "channel_mix_receptance" ->
                "ffn." + name.substring(CHANNEL_MIX.length()) + ".weight";
            case "channel_mix_lerp_k" -> "ffn." + lerps.channelMix + "k";
            case "channel_mix_lerp_r" -> "ffn." + lerps.channelMix + "r";
            case "time_mix_lerp_fused" -> "att." + lerps.timeMix;
            case "time_mix_decay", "time_mix_decay_w1", "time_mix_decay_w2" ->
                "att.time_" + name.substring(TIME_MIX.length());
            case "time_mix_first" -> version == 4 ? "att.time_first" : "att.time_faaaa";
            default -> name.startsWith(TIME_MIX) ? vectorOrLowRank(name.substring(TIME_MIX.length())) : null;
        };
    }

    private String vectorOrLowRank(String name) {
        if (version == 6 && name.matches("lerp_[xwkvrg]|w[12]")) {
            return "att.time_maa_" + name.replace("lerp_", "");
        }
        return version == 7 && name.matches("[wav]0|[wavg][12]|k_k|k_a|r_k") ? "att." + name : null;
    }

    /** What has a row for each head in a checkpoint, and lies flat here. */
    private void restoreHeads(Map<String, CheckpointTensor> tensors) throws IOException {
        if (version != 5 && version != 7) {
            return;
        }
        long headSize = metadata.getLong(architecture + ".wkv.head_size", 0);
        for (Map.Entry<String, CheckpointTensor> entry : tensors.entrySet()) {
            if (entry.getKey().endsWith(version == 5 ? ".att.time_decay" : ".att.r_k")) {
                entry.setValue(heads(entry.getValue(), headSize));
            }
        }
    }

    private CheckpointTensor heads(CheckpointTensor flat, long headSize) throws CheckpointFormatException {
        if (headSize < 1 || flat.elements() % headSize != 0 || flat.type().isQuantized()) {
            throw new CheckpointFormatException(path, "tensor " + flat.name() + " of " + flat.elements()
                    + " elements can't be divided into heads of " + headSize);
        }
        return flat.reshaped(flat.elements() / headSize, headSize);
    }

    /** As the metadata say. */
    ModelConstants constants() throws IOException {
        ModelConstants official = ModelConstants.OFFICIAL;
        return new ModelConstants(
                epsilon("attention.layer_norm_epsilon", official.layerNormEpsilon()),
                epsilon("attention.group_norm_epsilon", official.groupNormEpsilon()),
                count("rescale_every_n_layers", official.rescaleEvery()),
                count("context_length", official.contextLength()));
    }

    private float epsilon(String name, float absent) throws IOException {
        float value = metadata.getFloat(architecture + "." + name, absent);
        if (!(value > 0 && value < 1)) {
            throw new CheckpointFormatException(path, "metadata key " + architecture + "." + name + " is " + value
                    + ", expected a small positive number");
        }
        return value;
    }

    private long count(String name, long absent) throws IOException {
        long value = metadata.getLong(architecture + "." + name, absent);
        if (value < 0 || value > 0xffff_ffffL) {
            throw new CheckpointFormatException(path, "metadata key " + architecture + "." + name + " is " + value
                    + ", expected a number of 32 bits without sign");
        }
        return value;
    }
}
