package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import java.util.Map;

/** What a GGUF file says it is as a whole, in llama.cpp's numbers. */
public final class FileType {
    /** The metadata key. */
    public static final String KEY = "general.file_type";

    private static final Map<GgmlType, Integer> NUMBERS = Map.ofEntries(
            Map.entry(GgmlType.F32, 0),
            Map.entry(GgmlType.F16, 1),
            Map.entry(GgmlType.Q4_0, 2),
            Map.entry(GgmlType.Q4_1, 3),
            Map.entry(GgmlType.Q8_0, 7),
            Map.entry(GgmlType.Q5_0, 8),
            Map.entry(GgmlType.Q5_1, 9),
            Map.entry(GgmlType.Q2_K, 10),
            Map.entry(GgmlType.Q3_K, 12),
            Map.entry(GgmlType.Q4_K, 15),
            Map.entry(GgmlType.Q5_K, 17),
            Map.entry(GgmlType.Q6_K, 18),
            Map.entry(GgmlType.IQ4_NL, 25),
            Map.entry(GgmlType.BF16, 32));

    private FileType() {
    }

    /**
     * The number of a file of one type.
     *
     * @param type of most of its weights
     * @return the value of {@link #KEY}
     */
    public static int of(GgmlType type) {
        return NUMBERS.get(type);
    }
}
