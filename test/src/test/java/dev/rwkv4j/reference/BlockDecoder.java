package dev.rwkv4j.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.rwkv4j.gguf.GgmlType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Decodes GGUF's element types to doubles, one element at a time, in the words of the format description: the
 * oracle of the native decoder, so it shares no code with it.
 */
final class BlockDecoder {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int[] IQ4_NL_VALUES = {
            -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

    private final MemorySegment data;
    private final GgmlType type;

    private BlockDecoder(GgmlType type, MemorySegment data) {
        this.type = type;
        this.data = data;
    }

    /** All {@code elements} values of a tensor, in the order in which they are stored. */
    static double[] decode(GgmlType type, MemorySegment data, int elements) {
        BlockDecoder decoder = new BlockDecoder(type, data);
        double[] values = new double[elements];
        int perBlock = blockElements(type);
        int bytes = blockBytes(type);
        for (int i = 0; i < elements; i++) {
            values[i] = decoder.value((long) (i / perBlock) * bytes, i % perBlock);
        }
        return values;
    }

    private static int blockElements(GgmlType type) {
        return switch (type) {
            case F32, F16, BF16 -> 1;
            case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL -> 32;
            case Q2_K, Q3_K, Q4_K, Q5_K, Q6_K -> 256;
        };
    }

    private static int blockBytes(GgmlType type) {
        return switch (type) {
            case F32 -> 4;
            case F16, BF16 -> 2;
            case Q8_0 -> 34;
            case Q4_0, IQ4_NL -> 18;
            case Q4_1 -> 20;
            case Q5_0 -> 22;
            case Q5_1 -> 24;
            case Q2_K -> 84;
            case Q3_K -> 110;
            case Q4_K -> 144;
            case Q5_K -> 176;
            case Q6_K -> 210;
        };
    }

    /** Element {@code e} of the block at byte {@code b}. */
    private double value(long b, int e) {
        return switch (type) {
            case F32 -> data.get(FLOAT, b);
            case F16 -> half(b);
            case BF16 -> Float.intBitsToFloat(data.get(SHORT, b) << 16);
            case Q8_0 -> half(b) * data.get(JAVA_BYTE, b + 2 + e);
            case Q4_0 -> half(b) * (nibble(b + 2, e) - 8);
            case Q4_1 -> half(b) * nibble(b + 4, e) + half(b + 2);
            case Q5_0 -> half(b) * ((nibble(b + 6, e) | fifthBit(b + 2, e)) - 16);
            case Q5_1 -> half(b) * (nibble(b + 8, e) | fifthBit(b + 4, e)) + half(b + 2);
            case IQ4_NL -> half(b) * IQ4_NL_VALUES[nibble(b + 2, e)];
            case Q2_K -> half(b + 80) * (unsigned(b + e / 16) & 15) * twoBits(b + 16, e)
                    - half(b + 82) * (unsigned(b + e / 16) >> 4);
            case Q3_K -> half(b + 108) * (scaleOfQ3(b + 96, e / 16) - 32)
                    * (twoBits(b + 32, e) - (bit(b + e % 32, e / 32) == 1 ? 0 : 4));
            case Q4_K -> scaledAndShifted(b, e, nibbleOfPairs(b + 16, e));
            case Q5_K -> scaledAndShifted(b, e, nibbleOfPairs(b + 48, e) | bit(b + 16 + e % 32, e / 32) << 4);
            case Q6_K -> half(b + 208) * data.get(JAVA_BYTE, b + 192 + e / 16) * (sixBits(b, e) - 32);
        };
    }

    private double half(long offset) {
        return Float.float16ToFloat(data.get(SHORT, offset));
    }

    private int unsigned(long offset) {
        return Byte.toUnsignedInt(data.get(JAVA_BYTE, offset));
    }

    private int bit(long offset, int index) {
        return unsigned(offset) >> index & 1;
    }

    /** Four bits of element e of 32: the lower halves of 16 bytes come first, then the upper halves. */
    private int nibble(long quants, int e) {
        return e < 16 ? unsigned(quants + e) & 15 : unsigned(quants + e - 16) >> 4;
    }

    private int fifthBit(long quants, int e) {
        return (data.get(INT, quants) >> e & 1) << 4;
    }

    /** Four bits of element e of 256: each 32 bytes hold 64 elements, lower halves first. */
    private int nibbleOfPairs(long quants, int e) {
        int group = e / 64;
        int half = e / 32 % 2;
        return unsigned(quants + 32 * group + e % 32) >> 4 * half & 15;
    }

    /** Q4_K and Q5_K: {@code d S q - dmin M} with six-bit S and M for each 32 elements. */
    private double scaledAndShifted(long b, int e, int q) {
        long scales = b + 4;
        int s = e / 32;
        int scale;
        int minimum;
        if (s < 4) {
            scale = unsigned(scales + s) & 63;
            minimum = unsigned(scales + s + 4) & 63;
        } else {
            scale = unsigned(scales + s + 4) & 15 | unsigned(scales + s - 4) >> 6 << 4;
            minimum = unsigned(scales + s + 4) >> 4 | unsigned(scales + s) >> 6 << 4;
        }
        return half(b) * scale * q - half(b + 2) * minimum;
    }

    /** Two bits of element e of 256: each 32 bytes hold 128 elements. */
    private int twoBits(long quants, int e) {
        return unsigned(quants + 32 * (e / 128) + e % 32) >> 2 * (e / 32 % 4) & 3;
    }

    /** Q3_K: sixteen scales of six bits, the lower four of two in each of 8 bytes, the upper two of four in each of 4. */
    private int scaleOfQ3(long scales, int t) {
        int lower = unsigned(scales + t % 8) >> (t < 8 ? 0 : 4) & 15;
        int upper = unsigned(scales + 8 + t % 4) >> 2 * (t / 4) & 3;
        return lower | upper << 4;
    }

    /** Q6_K: four lower bits from the first 128 bytes, two upper bits from the 64 bytes behind them. */
    private int sixBits(long b, int e) {
        int n = e / 128;
        int j = e / 32 % 4;
        int l = e % 32;
        int lower = unsigned(b + 64 * n + 32 * (j & 1) + l) >> 4 * (j >> 1) & 15;
        int upper = unsigned(b + 128 + 32 * n + l) >> 2 * j & 3;
        return lower | upper << 4;
    }
}
