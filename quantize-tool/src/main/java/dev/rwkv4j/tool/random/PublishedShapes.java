package dev.rwkv4j.tool.random;

import dev.rwkv4j.tool.random.ModelShape.LowRanks;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;

/** The shapes of the published models, by name, with the vocabulary of the World models. */
public final class PublishedShapes {
    private static final int WORLD_VOCABULARY = 65536;
    private static final int HEAD_SIZE = 64;
    private static final SequencedMap<String, ModelShape> SHAPES = new LinkedHashMap<>();

    static {
        add("rwkv4-169m", Version.V4, 12, 768, LowRanks.NONE);
        add("rwkv4-430m", Version.V4, 24, 1024, LowRanks.NONE);
        add("rwkv4-1.5b", Version.V4, 24, 2048, LowRanks.NONE);
        add("rwkv4-3b", Version.V4, 32, 2560, LowRanks.NONE);
        add("rwkv4-7b", Version.V4, 32, 4096, LowRanks.NONE);
        add("rwkv4-14b", Version.V4, 40, 5120, LowRanks.NONE);
        add("rwkv5-0.1b", Version.V5_2, 12, 768, LowRanks.NONE);
        add("rwkv5-0.4b", Version.V5_2, 24, 1024, LowRanks.NONE);
        add("rwkv5-1.5b", Version.V5_2, 24, 2048, LowRanks.NONE);
        add("rwkv5-3b", Version.V5_2, 32, 2560, LowRanks.NONE);
        add("rwkv5-7b", Version.V5_2, 32, 4096, LowRanks.NONE);
        add("rwkv6-1.6b", Version.V6, 24, 2048, LowRanks.ofVersion6(32, 64));
        add("rwkv6-3b", Version.V6, 32, 2560, LowRanks.ofVersion6(32, 64));
        add("rwkv6-7b", Version.V6, 32, 4096, LowRanks.ofVersion6(64, 128));
        add("rwkv6-14b", Version.V6, 61, 4096, LowRanks.ofVersion6(64, 128));
        add("rwkv7-0.1b", Version.V7, 12, 768, LowRanks.ofVersion7(64, 64, 32, 128));
        add("rwkv7-0.4b", Version.V7, 24, 1024, LowRanks.ofVersion7(64, 64, 32, 128));
        add("rwkv7-1.5b", Version.V7, 24, 2048, LowRanks.ofVersion7(96, 96, 64, 256));
        add("rwkv7-2.9b", Version.V7, 32, 2560, LowRanks.ofVersion7(96, 96, 64, 320));
        add("rwkv7-7.2b", Version.V7, 32, 4096, LowRanks.ofVersion7(128, 128, 96, 480));
        add("rwkv7-13.3b", Version.V7, 61, 4096, LowRanks.ofVersion7(128, 128, 96, 480));
    }

    private PublishedShapes() {
    }

    /** {@return all shapes by name, for example {@code rwkv7-1.5b}, in the order of versions and sizes; unmodifiable} */
    public static Map<String, ModelShape> all() {
        return Collections.unmodifiableSequencedMap(SHAPES);
    }

    private static void add(String name, Version version, int layers, int width, LowRanks ranks) {
        // Published 5 and 6 models spend on the gate what they save in the channel mix.
        boolean narrow = version == Version.V5_2 || version == Version.V6;
        int channelMixWidth = narrow ? width * 7 / 2 / 32 * 32 : 4 * width;
        SHAPES.put(
                name, new ModelShape(version, layers, width, HEAD_SIZE, channelMixWidth, WORLD_VOCABULARY, ranks));
    }
}
