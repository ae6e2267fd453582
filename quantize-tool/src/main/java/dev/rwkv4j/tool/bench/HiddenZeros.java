package dev.rwkv4j.tool.bench;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.rwkv4j.RwkvModel;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;

/** How many of the hidden values of the channel mixes relu^2 makes zero: for these no weights need to be read. */
public final class HiddenZeros {
    private HiddenZeros() {
    }

    /**
     * Lets a model write and looks at the inputs of its matrices {@code channel_mix_value}. The model observes them from
     * then on, so that this can be done once.
     *
     * @param tokens how many tokens it writes
     * @return which share is zero, of all layers and tokens, from 0 to 1
     */
    public static double share(RwkvModel model, int tokens) {
        List<MemorySegment> squares = IntStream.range(0, model.info().layers())
                .mapToObj(layer -> model.observe("blk." + layer + ".channel_mix_value.weight"))
                .toList();
        long zeros = 0;
        long values = 0;
        try (FreeText text = new FreeText(model)) {
            for (int i = 0; i < tokens; i++) {
                squares.forEach(sums -> sums.fill((byte) 0));
                text.step();
                zeros += squares.stream().mapToLong(HiddenZeros::zeros).sum();
                values += squares.stream().mapToLong(sums -> sums.byteSize() / Float.BYTES).sum();
            }
        }
        return (double) zeros / values;
    }

    private static long zeros(MemorySegment floats) {
        return floats.elements(JAVA_FLOAT).filter(value -> value.get(JAVA_FLOAT, 0) == 0).count();
    }
}
