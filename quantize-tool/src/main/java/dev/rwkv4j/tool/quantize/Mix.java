package dev.rwkv4j.tool.quantize;

import static dev.rwkv4j.gguf.GgmlType.F16;
import static dev.rwkv4j.gguf.GgmlType.Q3_K;
import static dev.rwkv4j.gguf.GgmlType.Q4_K;
import static dev.rwkv4j.gguf.GgmlType.Q5_K;
import static dev.rwkv4j.gguf.GgmlType.Q6_K;
import static dev.rwkv4j.gguf.GgmlType.Q8_0;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.tool.convert.OutputTensor;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Which type each matrix of a model gets. A mix is either one type for all large matrices, and then whatever
 * llama-quantize leaves alone stays as it is; or one of those that are made for RWKV, which differ by what a matrix does.
 */
public final class Mix {
    /*
     * Why the columns differ from the first one (what each family costs was measured, see docs/quantisation.md):
     *
     * - Receptance, key and gate go through a sigmoid, a normalisation or a product with something near 0 or 1, which
     *   flattens errors: they get what the mix is named after, and are most of the file.
     * - Value and output of the time mix write what stays in the state for the rest of the text, and in the residual
     *   stream: one step more.
     * - The channel mix squares its hidden vector, so that few large values carry most of the sum, and errors in their
     *   columns are multiplied most. Three bits are too few for that; beyond, as it is a third of the file, no more.
     * - Of the embedding one row is read for each token: bits cost space on the disk, but no time.
     * - The head's errors are errors of logits, with no layer after it that could make them good.
     * - The low-rank matrices are a tenth of what is read for a token in 16 bits. Their rows are too short for blocks of
     *   256, and 8 bits are exact enough not to be noticed.
     * - The decay is the exponential of an exponential, and multiplied over the whole text. Published checkpoints have 16
     *   bits, which F16 keeps but for the tiniest values; F32 would only be longer.
     */
    private static final List<Mix> MIXES = List.of(
            //         projection, time value, channel value, embedding, head, low rank, decay
            mix("Q3_M", Q3_K, Q4_K, Q4_K, Q4_K, Q6_K, Q8_0, F16),
            mix("Q4_M", Q4_K, Q5_K, Q4_K, Q5_K, Q6_K, Q8_0, F16),
            mix("Q5_M", Q5_K, Q6_K, Q5_K, Q6_K, Q6_K, Q8_0, F16),
            mix("Q6_M", Q6_K, Q8_0, Q6_K, Q6_K, Q8_0, Q8_0, F16),
            mix("Q8_M", Q8_0, Q8_0, Q8_0, Q8_0, Q8_0, Q8_0, F16));

    private final String name;
    private final Map<Role, GgmlType> types;

    private Mix(String name, Map<Role, GgmlType> types) {
        this.name = name;
        this.types = types;
    }

    private static Mix mix(String name, GgmlType... types) {
        Map<Role, GgmlType> byRole = new EnumMap<>(Role.class);
        for (int i = 0; i < types.length; i++) {
            byRole.put(Role.values()[i], types[i]);
        }
        return new Mix(name, byRole);
    }

    /**
     * One type for all large matrices: projections, embedding and head.
     *
     * @param type any type
     * @return the mix, named as the type
     */
    public static Mix uniform(GgmlType type) {
        return mix(type.name(), type, type, type, type, type);
    }

    /** {@return the mixes that are made for RWKV, from the smallest to the largest} */
    public static List<Mix> mixes() {
        return MIXES;
    }

    /**
     * The mix with a name.
     *
     * @param name of a type or of a mix that is made for RWKV, in upper or lower case
     * @return the mix, if there is one
     */
    public static Optional<Mix> find(String name) {
        return Stream.concat(MIXES.stream(), Stream.of(GgmlType.values()).map(Mix::uniform))
                .filter(mix -> mix.name.equalsIgnoreCase(name)).findFirst();
    }

    /** {@return the name by which it is found} */
    public String name() {
        return name;
    }

    /** The type of most matrices, after which it is named. */
    GgmlType mainType() {
        return types.get(Role.PROJECTION);
    }

    /** The type of a tensor, or nothing if it is to stay as it is. */
    Optional<GgmlType> type(OutputTensor tensor) {
        return Optional.ofNullable(types.get(Role.of(tensor)));
    }

    @Override
    public String toString() {
        return name;
    }
}
