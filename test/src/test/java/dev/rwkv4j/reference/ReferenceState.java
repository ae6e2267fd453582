package dev.rwkv4j.reference;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.DoubleStream;

/** What a {@link ReferenceModel} remembers of a text. */
public final class ReferenceState {
    private final List<OfLayer> layers = new ArrayList<>();

    ReferenceState(int layerCount, int width, Supplier<double[]> freshWkv) {
        for (int i = 0; i < layerCount; i++) {
            layers.add(new OfLayer(width, freshWkv.get()));
        }
    }

    OfLayer layer(int index) {
        return layers.get(index);
    }

    /**
     * All values in the order of the C library: for each layer the time mix's shift vector, aa bb pp or the matrices
     * [head][value][key], the channel mix's shift vector.
     */
    public double[] values() {
        return layers.stream()
                .flatMapToDouble(layer -> DoubleStream.concat(
                        DoubleStream.concat(DoubleStream.of(layer.timeMixShift), DoubleStream.of(layer.wkv)),
                        DoubleStream.of(layer.channelMixShift)))
                .toArray();
    }

    static final class OfLayer {
        double[] timeMixShift;
        final double[] wkv;
        double[] channelMixShift;

        OfLayer(int width, double[] wkv) {
            this.timeMixShift = new double[width];
            this.wkv = wkv;
            this.channelMixShift = new double[width];
        }
    }
}
