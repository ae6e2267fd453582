package dev.rwkv4j.tool.quantize;

import java.util.Comparator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * When a matrix is computed: those of one step do not depend on each other, and depend on those of the steps before.
 *
 * @param layer its layer; the number of layers for the head
 * @param group its place in the layer
 */
record CalibrationStep(int layer, int group) implements Comparable<CalibrationStep> {
    private static final Pattern OF_A_LAYER = Pattern.compile("blk\\.(\\d+)\\.(.*)\\.weight");

    private static final Comparator<CalibrationStep> ORDER = Comparator.comparingInt(CalibrationStep::layer)
            .thenComparingInt(CalibrationStep::group);

    /**
     * The step of a matrix by which vectors are multiplied.
     *
     * @param name its GGUF name
     * @param layerCount layers of the model
     */
    static CalibrationStep of(String name, int layerCount) {
        Matcher matcher = OF_A_LAYER.matcher(name);
        return matcher.matches()
                ? new CalibrationStep(Integer.parseInt(matcher.group(1)), group(matcher.group(2)))
                : new CalibrationStep(layerCount, 0);
    }

    private static int group(String matrix) {
        return switch (matrix) {
            case "time_mix_w1" -> 0; // in RWKV-6, what is mixed for the others depends on it
            case "time_mix_w2", "time_mix_a2", "time_mix_g2", "time_mix_v2", "time_mix_decay_w2" -> 2;
            case "time_mix_output" -> 3;
            case "channel_mix_key", "channel_mix_receptance" -> 4;
            case "channel_mix_value" -> 5;
            default -> 1;
        };
    }

    @Override
    public int compareTo(CalibrationStep other) {
        return ORDER.compare(this, other);
    }
}
