package dev.rwkv4j.tool;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.gguf.GgufTensor;
import java.util.EnumMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the header of a model file tells. The weights stay on the disk.
 *
 * @param name what whoever made the file called the model; may be empty
 * @param version of RWKV, for example 7 or 5.2
 * @param layers number of layers
 * @param width of the residual stream
 * @param channelMixWidth hidden width of the channel mix
 * @param headSize channels in a head; 0 in version 4, which has none
 * @param attentionWidth all heads together
 * @param vocabularySize number of tokens
 * @param parameters elements of all tensors that mean something
 * @param types how much is stored in each type
 * @param tokenizer the tokenizer's name in the file; may be empty
 */
record ModelSummary(
        String name,
        String version,
        int layers,
        long width,
        long channelMixWidth,
        long headSize,
        long attentionWidth,
        long vocabularySize,
        long parameters,
        Map<GgmlType, TypeTotal> types,
        String tokenizer) {

    private static final Pattern ARCHITECTURE = Pattern.compile("rwkv([4567])");

    /** RWKV-7's layer 0 has these only because llama.cpp wants them. */
    private static final Pattern UNUSED = Pattern.compile("blk\\.0\\.time_mix_v[012]\\.weight");

    /** Without heads a channel remembers a numerator, a denominator and their exponent. */
    private static final int VALUES_PER_CHANNEL_OF_VERSION_4 = 3;

    /** Tokens of a prompt that are computed together. */
    private static final int CHUNK_TOKENS = 128;

    /** Vectors of the model's width that are held for each of these tokens, roughly. */
    private static final int WIDE_VECTORS = 23;

    /** How much of one type there is. */
    record TypeTotal(int tensors, long elements, long bytes) {
        static final TypeTotal NONE = new TypeTotal(0, 0, 0);

        TypeTotal plus(GgufTensor tensor) {
            return new TypeTotal(tensors + 1, elements + tensor.elements(), bytes + tensor.byteSize());
        }
    }

    static ModelSummary of(GgufFile file) throws GgufFormatException {
        GgufMetadata metadata = file.metadata();
        String architecture = metadata.getString("general.architecture");
        Matcher version = ARCHITECTURE.matcher(architecture);
        if (!version.matches()) {
            throw new GgufFormatException(file.path(),
                    "the architecture is " + architecture + ", expected rwkv4, rwkv5, rwkv6 or rwkv7");
        }
        return new ModelSummary(
                metadata.getString("general.name", ""),
                version.group(1).equals("5") ? versionOf5(file) : version.group(1),
                metadata.getInt(architecture + ".block_count"),
                dimension(file, "token_embd.weight", 0),
                dimension(file, "blk.0.channel_mix_key.weight", 1),
                metadata.getInt(architecture + ".wkv.head_size", 0),
                dimension(file, "blk.0.time_mix_key.weight", 1),
                dimension(file, "token_embd.weight", 1),
                parameters(file),
                types(file),
                metadata.getString("tokenizer.ggml.model", "none"));
    }

    /** 5.1 is stored as 5.2. */
    private static String versionOf5(GgufFile file) {
        return file.tensors().containsKey("blk.0.time_mix_gate.weight") ? "5.2" : "5.0";
    }

    private static long dimension(GgufFile file, String tensor, int index) throws GgufFormatException {
        GgufTensor found = file.tensor(tensor);
        if (found.dims().size() != 2) {
            throw new GgufFormatException(file.path(),
                    "tensor " + tensor + " has " + found.dims().size() + " dimensions, expected 2");
        }
        return found.dims().get(index);
    }

    private static long parameters(GgufFile file) {
        return file.tensors().values().stream()
                .filter(tensor -> !UNUSED.matcher(tensor.name()).matches())
                .mapToLong(GgufTensor::elements)
                .sum();
    }

    private static Map<GgmlType, TypeTotal> types(GgufFile file) {
        Map<GgmlType, TypeTotal> types = new EnumMap<>(GgmlType.class);
        for (GgufTensor tensor : file.tensors().values()) {
            types.merge(tensor.type(), TypeTotal.NONE.plus(tensor), (sum, _) -> sum.plus(tensor));
        }
        return types;
    }

    long heads() {
        return headSize == 0 ? 0 : attentionWidth / headSize;
    }

    long weightBytes() {
        return types.values().stream().mapToLong(TypeTotal::bytes).sum();
    }

    /** Of one text, however long it is. */
    long stateBytes() {
        long memory = attentionWidth * (headSize == 0 ? VALUES_PER_CHANNEL_OF_VERSION_4 : headSize);
        return layers * (2 * width + memory) * Float.BYTES;
    }

    /** Of one evaluation, roughly. */
    long scratchBytes() {
        return CHUNK_TOKENS * (WIDE_VECTORS * width + channelMixWidth) * Float.BYTES;
    }
}
