package dev.rwkv4j.reference;

import dev.rwkv4j.CpuInfo;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import java.util.EnumSet;
import java.util.Set;

/** What becomes of a vector before it is multiplied by a matrix. */
public enum Activations {
    /** Nothing: exact arithmetic on the stored weights. */
    EXACT,

    /**
     * Rounded to 8-bit integers with a scale for each 32, {@code max|x| / 127}, if the matrix has a block format, as the
     * engine does for the sake of the processor's integer units. Shows what of a difference to exact arithmetic comes from
     * there.
     */
    INT8,

    /**
     * The same, but the scale is the least for which the largest value becomes at most 127 in magnitude, and those of the
     * other sign at most 113: what the engine does on processors where it multiplies 4-bit weights by pairs.
     */
    INT8_PAIRED,

    /**
     * As in llama.cpp on x86-64: rounded to the matrix's own type if that is F16 or BF16; for block formats to 8-bit
     * integers with a scale for each 256, if they have such blocks, or else for each 32, and then the scale is rounded to
     * F16 as well. (For Q4_1 and Q5_1 llama.cpp also rounds the sums by which it multiplies the minima; this does not.)
     */
    LLAMA_CPP;

    private static final Set<GgmlType> PAIRED_TYPES = EnumSet.of(GgmlType.Q4_0, GgmlType.Q4_1, GgmlType.Q4_K);

    private static final int GROUP = 32;
    private static final int LIMIT = 127;
    private static final int PAIRED_LIMIT = 113;

    private static final int BFLOAT16_BITS_LESS = 16;

    /** What the engine does with this file on this processor. */
    public static Activations ofEngine(GgufFile file) {
        boolean hasPairs = file.tensors().values().stream().anyMatch(tensor -> PAIRED_TYPES.contains(tensor.type()));
        return hasPairs && CpuInfo.current().tier().equals("zen4") ? INT8_PAIRED : INT8;
    }

    double[] of(double[] x, GgmlType type) {
        return switch (this) {
            case EXACT -> x;
            case INT8 -> type.isQuantized() ? toIntegers(x, GROUP, LIMIT, false) : x;
            case INT8_PAIRED -> type.isQuantized() ? toIntegers(x, GROUP, PAIRED_LIMIT, false) : x;
            case LLAMA_CPP -> switch (type) {
                case F32 -> x;
                case F16 -> Vectors.map(x, Activations::toFloat16);
                case BF16 -> Vectors.map(x, Activations::toBfloat16);
                default -> type.blockElements() == GROUP
                        ? toIntegers(x, GROUP, LIMIT, true)
                        : toIntegers(x, type.blockElements(), LIMIT, false);
            };
        };
    }

    /** The largest magnitude of each group to at most 127, those of the other sign to at most {@code limit}. */
    private static double[] toIntegers(double[] x, int group, int limit, boolean roundScale) {
        double[] y = new double[x.length];
        for (int begin = 0; begin < x.length; begin += group) {
            double most = 0;
            double least = 0;
            for (int i = begin; i < begin + group; i++) {
                most = Math.max(most, x[i]);
                least = Math.max(least, -x[i]);
            }
            double scale = Math.max(Math.max(most, least) / LIMIT, Math.min(most, least) / limit);
            double stored = roundScale ? toFloat16(scale) : scale;
            for (int i = begin; i < begin + group && scale > 0; i++) {
                y[i] = stored * Math.rint(x[i] / scale);
            }
        }
        return y;
    }

    private static double toFloat16(double x) {
        return Float.float16ToFloat(Float.floatToFloat16((float) x));
    }

    /** To the nearest, of two as near the even one. */
    private static double toBfloat16(double x) {
        int bits = Float.floatToIntBits((float) x);
        int half = (1 << BFLOAT16_BITS_LESS - 1) - 1 + (bits >>> BFLOAT16_BITS_LESS & 1);
        return Float.intBitsToFloat(bits + half >> BFLOAT16_BITS_LESS << BFLOAT16_BITS_LESS);
    }
}
