package dev.rwkv4j.tool.random;

import java.util.Objects;

/**
 * Everything about a model but its values.
 *
 * @param version which equations
 * @param layerCount layers
 * @param width of the residual stream and of the time mix, a multiple of {@code headSize}
 * @param headSize channels in a head; ignored by version 4, which has no heads
 * @param channelMixWidth hidden width of the channel mix
 * @param vocabularySize rows of embedding and head
 * @param ranks widths of the low-rank matrices, see {@link LowRanks}
 */
public record ModelShape(
        Version version,
        int layerCount,
        int width,
        int headSize,
        int channelMixWidth,
        int vocabularySize,
        LowRanks ranks) {

    /** The versions that differ in their tensors. Within a GGUF file 5.1 is 5.2 with equal values in each head. */
    public enum Version {
        /** RWKV-4. */
        V4("4", "rwkv4"),
        /** RWKV-5.0: without a gate. */
        V5_0("5.0", "rwkv5"),
        /** RWKV-5.2: with a gate. */
        V5_2("5.2", "rwkv5"),
        /** RWKV-6. */
        V6("6", "rwkv6"),
        /** RWKV-7. */
        V7("7", "rwkv7");

        private final String label;
        private final String architecture;

        Version(String label, String architecture) {
            this.label = label;
            this.architecture = architecture;
        }

        /** {@return the value of {@code general.architecture}} */
        public String architecture() {
            return architecture;
        }

        /** {@return the number, for example "5.2"} */
        @Override
        public String toString() {
            return label;
        }
    }

    /**
     * Widths of the low-rank matrices. A version ignores those that it does not have: 4 and 5 all of them, 6 all but
     * the first two, 7 the first.
     *
     * @param tokenShift of the data-dependent token shift (6)
     * @param decay of the decay (6 and 7)
     * @param learningRate of the in-context learning rate a (7)
     * @param value of the share of the first layer's value (7)
     * @param gate of the gate (7)
     */
    public record LowRanks(int tokenShift, int decay, int learningRate, int value, int gate) {
        /** For versions that have no such matrices. */
        public static final LowRanks NONE = new LowRanks(0, 0, 0, 0, 0);

        /** {@return the ranks of a version 6 model} */
        public static LowRanks ofVersion6(int tokenShift, int decay) {
            return new LowRanks(tokenShift, decay, 0, 0, 0);
        }

        /** {@return the ranks of a version 7 model} */
        public static LowRanks ofVersion7(int decay, int learningRate, int value, int gate) {
            return new LowRanks(0, decay, learningRate, value, gate);
        }
    }

    /**
     * Checks all sizes.
     *
     * @throws IllegalArgumentException if a size that the version needs is not positive, or the heads do not fill the width
     */
    public ModelShape {
        Objects.requireNonNull(version, "version");
        Objects.requireNonNull(ranks, "ranks");
        positive("layers", layerCount);
        positive("width", width);
        positive("channel mix width", channelMixWidth);
        positive("vocabulary size", vocabularySize);
        if (version != Version.V4) {
            positive("head size", headSize);
            if (width % headSize != 0) {
                throw new IllegalArgumentException(
                        "width " + width + " is not a multiple of the head size " + headSize);
            }
        }
        if (version == Version.V6) {
            positive("token shift rank", ranks.tokenShift());
        }
        if (version == Version.V6 || version == Version.V7) {
            positive("decay rank", ranks.decay());
        }
        if (version == Version.V7) {
            positive("learning rate rank", ranks.learningRate());
            positive("value rank", ranks.value());
            positive("gate rank", ranks.gate());
        }
    }

    private static void positive(String what, int value) {
        if (value <= 0) {
            throw new IllegalArgumentException(what + " must be positive: " + value);
        }
    }

    int headCount() {
        return width / headSize;
    }

    /** A copy with another number of layers. */
    public ModelShape withLayerCount(int newLayerCount) {
        return new ModelShape(version, newLayerCount, width, headSize, channelMixWidth, vocabularySize, ranks);
    }

    /** A copy with another vocabulary. */
    public ModelShape withVocabularySize(int newVocabularySize) {
        return new ModelShape(version, layerCount, width, headSize, channelMixWidth, newVocabularySize, ranks);
    }
}
