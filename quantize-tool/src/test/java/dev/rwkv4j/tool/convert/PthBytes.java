package dev.rwkv4j.tool.convert;

import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.util.Map;

/** Makes checkpoints as torch.save does. */
final class PthBytes {
    private PthBytes() {
    }

    /** Float32 tensors, each with a storage of its own. */
    static byte[] of(Map<String, Values> tensors) {
        return zip(tensors).add("some/data.pkl", pickle(tensors).stop()).build();
    }

    /** All members but the pickle, which the caller adds: storages by number, in the order of the tensors. */
    static ZipBytes zip(Map<String, Values> tensors) {
        ZipBytes zip = new ZipBytes().add("some/byteorder", new LittleEndian().text("little").toByteArray());
        int key = 0;
        for (Values values : tensors.values()) {
            zip.add("some/data/" + key++, new LittleEndian().floats(values.data()).toByteArray());
        }
        return zip;
    }

    /** A pickle, not ended, of the map of these tensors. */
    static PickleBytes pickle(Map<String, Values> tensors) {
        PickleBytes pickle = new PickleBytes();
        map(pickle, tensors, "");
        return pickle;
    }

    /** Adds the map of these tensors, with something before each name. */
    static void map(PickleBytes pickle, Map<String, Values> tensors, String prefix) {
        pickle.emptyMap().raw('(');
        int key = 0;
        for (Map.Entry<String, Values> entry : tensors.entrySet()) {
            long[] shape = entry.getValue().shape();
            pickle.string(prefix + entry.getKey());
            pickle.tensor("FloatStorage", Integer.toString(key++), entry.getValue().data().length, 0, shape,
                    rowMajor(shape));
        }
        pickle.raw('u');
    }

    static long[] rowMajor(long[] shape) {
        long[] strides = new long[shape.length];
        long stride = 1;
        for (int i = shape.length - 1; i >= 0; i--) {
            strides[i] = stride;
            stride *= shape[i];
        }
        return strides;
    }
}
