package dev.rwkv4j.tool.convert;

import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.LongStream;

/** Makes models as rwkv.cpp's converter does, with its changes of names, shapes and values. */
final class RwkvCppBytes {
    private static final int VERSION = 101;

    private RwkvCppBytes() {
    }

    static byte[] of(String version, Map<String, Values> tensors) {
        LittleEndian file = header(VERSION);
        changed(version, tensors).forEach((name, values) -> tensor(file, name, 0, values.shape())
                .floats(values.data()));
        return file.toByteArray();
    }

    static LittleEndian header(int version) {
        return new LittleEndian().text("fmgg").i4(version).i4(TinyModel.VOCABULARY).i4(TinyModel.WIDTH)
                .i4(TinyModel.LAYERS).i4(0);
    }

    /** All of a tensor but its data. */
    static LittleEndian tensor(LittleEndian file, String name, int type, long... shape) {
        file.i4(shape.length).i4(name.length()).i4(type);
        for (int i = shape.length - 1; i >= 0; i--) {
            file.i4(shape[i]);
        }
        return file.text(name);
    }

    private static Map<String, Values> changed(String version, Map<String, Values> tensors) {
        Map<String, Values> changed = new LinkedHashMap<>();
        tensors.forEach((name, values) -> {
            if (name.contains(".att.x_")) {
                fuse(changed, name, values);
            } else if (!version.equals("7") || !name.matches("blocks\\.0\\.att\\.v[012]")) {
                changed.put(name, changed(version, name, values));
            }
        });
        return changed;
    }

    private static void fuse(Map<String, Values> changed, String name, Values values) {
        Values fused = changed.computeIfAbsent(name.substring(0, name.length() - 1) + "rwkvag",
                _ -> new Values(new long[]{6, 1, TinyModel.WIDTH}, new float[6 * TinyModel.WIDTH]));
        int place = "rwkvag".indexOf(name.charAt(name.length() - 1));
        System.arraycopy(values.data(), 0, fused.data(), place * TinyModel.WIDTH, TinyModel.WIDTH);
    }

    private static Values changed(String version, String name, Values values) {
        String last = name.substring(name.lastIndexOf('.') + 1);
        Values squeezed = name.contains(".time_") ? squeezed(values) : values;
        return switch (version + " " + last) {
            case "4 time_decay" -> mapped(squeezed, d -> -Math.exp(d), TinyModel.WIDTH);
            case "5.0 time_decay" -> mapped(squeezed, d -> Math.exp(-Math.exp(d)), TinyModel.HEADS, 1, 1);
            case "5.0 time_first" -> mapped(squeezed, Math::exp, TinyModel.HEADS, 1, 1);
            case "5.1 time_decay" -> mapped(squeezed, d -> Math.exp(-Math.exp(d)), TinyModel.HEADS, 1);
            case "5.1 time_faaaa" -> mapped(squeezed, d -> d, TinyModel.HEADS, 1);
            case "5.2 time_decay" ->
                mapped(squeezed, d -> Math.exp(-Math.exp(d)), TinyModel.HEADS, TinyModel.HEAD_SIZE, 1);
            case "5.2 time_faaaa", "6 time_decay", "6 time_faaaa" ->
                mapped(squeezed, d -> d, TinyModel.HEADS, TinyModel.HEAD_SIZE, 1);
            case "6 time_maa_w1", "6 time_maa_w2", "6 time_decay_w1", "6 time_decay_w2", "7 w1", "7 w2", "7 a1", "7 a2",
                    "7 v1", "7 v2", "7 g1", "7 g2" ->
                transposed(squeezed);
            default -> squeezed;
        };
    }

    private static Values squeezed(Values values) {
        return new Values(LongStream.of(values.shape()).filter(n -> n != 1).toArray(), values.data());
    }

    private static Values mapped(Values values, DoubleUnaryOperator function, long... shape) {
        float[] data = new float[values.data().length];
        for (int i = 0; i < data.length; i++) {
            data[i] = (float) function.applyAsDouble(values.data()[i]);
        }
        return new Values(shape, data);
    }

    /** The last two dimensions swapped. */
    static Values transposed(Values values) {
        long[] shape = values.shape().clone();
        int rows = (int) shape[shape.length - 2];
        int columns = (int) shape[shape.length - 1];
        shape[shape.length - 2] = columns;
        shape[shape.length - 1] = rows;
        float[] data = new float[values.data().length];
        for (int i = 0; i < data.length; i++) {
            int row = i / columns % rows;
            data[i / (rows * columns) * rows * columns + i % columns * rows + row] = values.data()[i];
        }
        return new Values(shape, data);
    }
}
