package dev.rwkv4j.tool.quantize;

import dev.rwkv4j.gguf.GgmlType;

/** What llama.cpp's quantiser takes where a row is no multiple of a type's block. */
final class RowFallback {
    private RowFallback() {
    }

    /**
     * A type that divides a row.
     *
     * @param type what was wanted
     * @param rowElements elements of a row
     * @return this type, or else one with smaller blocks and at least as many bits
     */
    static GgmlType of(GgmlType type, long rowElements) {
        return rowElements % type.blockElements() == 0 ? type : of(smaller(type), rowElements);
    }

    private static GgmlType smaller(GgmlType type) {
        return switch (type) {
            case Q2_K, Q3_K -> GgmlType.Q4_0;
            case Q4_K -> GgmlType.Q5_0;
            case Q5_K -> GgmlType.Q5_1;
            case Q6_K -> GgmlType.Q8_0;
            default -> GgmlType.F16;
        };
    }
}
