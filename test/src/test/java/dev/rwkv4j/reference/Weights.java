package dev.rwkv4j.reference;

import static dev.rwkv4j.reference.Vectors.add;
import static dev.rwkv4j.reference.Vectors.multiply;
import static dev.rwkv4j.reference.Vectors.normalise;
import static dev.rwkv4j.reference.Vectors.putSlice;
import static dev.rwkv4j.reference.Vectors.slice;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.gguf.GgufTensor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * All weights of a file in double precision, by their GGUF name without {@code .weight}, and the few numbers that are
 * not weights.
 */
final class Weights {
    private final Map<String, Tensor> tensors = new HashMap<>();
    private final Activations activations;
    private final int version;
    private final int layerCount;
    private final int headSize;
    private final double layerNormEpsilon;
    private final double groupNormEpsilon;

    Weights(GgufFile file, Activations activations) throws GgufFormatException {
        this.activations = activations;
        GgufMetadata metadata = file.metadata();
        String architecture = metadata.getString("general.architecture");
        version = Integer.parseInt(architecture.substring("rwkv".length()));
        layerCount = metadata.getInt(architecture + ".block_count");
        headSize = metadata.getInt(architecture + ".wkv.head_size", 0);
        layerNormEpsilon = metadata.getFloat(architecture + ".attention.layer_norm_epsilon", 1e-5f);
        groupNormEpsilon = metadata.getFloat(architecture + ".attention.group_norm_epsilon", 64e-5f);
        file.tensors().values().forEach(tensor -> tensors.put(plain(tensor.name()), decode(tensor)));
        undoRescaling(metadata.getInt(architecture + ".rescale_every_n_layers", 0));
    }

    private static String plain(String name) {
        return name.endsWith(".weight") ? name.substring(0, name.length() - ".weight".length()) : name;
    }

    private static Tensor decode(GgufTensor tensor) {
        double[] values = BlockDecoder.decode(tensor.type(), tensor.data(), Math.toIntExact(tensor.elements()));
        return new Tensor(values, tensor.dims().stream().map(Math::toIntExact).toList(), tensor.type());
    }

    /** Some files divide the two output matrices of layer l by {@code 2^(l / every)}, and halve x on the way. */
    private void undoRescaling(int every) {
        for (int i = 0; every > 0 && i < layerCount; i++) {
            double factor = Math.pow(2, i / every);
            for (String name : List.of("time_mix_output", "channel_mix_value")) {
                tensors.computeIfPresent("blk." + i + "." + name, (_, tensor) -> tensor.scaled(factor));
            }
        }
    }

    int version() {
        return version;
    }

    int layerCount() {
        return layerCount;
    }

    int width() {
        return tensor("token_embd").rowLength();
    }

    int headSize() {
        return headSize;
    }

    boolean has(String name) {
        return tensors.containsKey(name);
    }

    double[] vector(String name) {
        return tensor(name).values();
    }

    double[] row(String name, int row) {
        Tensor tensor = tensor(name);
        return slice(tensor.values(), row, tensor.rowLength());
    }

    double[] times(String name, double[] x) {
        Tensor tensor = tensor(name);
        return product(tensor, 0, tensor.values().length / tensor.rowLength(), x);
    }

    /** Matrix {@code slice} of a tensor {columns, rows, slices} times a vector. */
    double[] timesSlice(String name, int slice, double[] x) {
        Tensor tensor = tensor(name);
        int rows = tensor.dims().get(1);
        return product(tensor, slice * rows, rows, x);
    }

    private double[] product(Tensor tensor, int firstRow, int rows, double[] vector) {
        int columns = tensor.rowLength();
        if (vector.length != columns) {
            throw new IllegalArgumentException(
                    "a matrix of " + columns + " columns can't be multiplied by " + vector.length + " values");
        }
        double[] x = activations.of(vector, tensor.type());
        double[] y = new double[rows];
        for (int row = 0; row < rows; row++) {
            int begin = (firstRow + row) * columns;
            for (int i = 0; i < columns; i++) {
                y[row] += tensor.values()[begin + i] * x[i];
            }
        }
        return y;
    }

    /** Layer norm; the identity where the file has none of this name. */
    double[] norm(String name, double[] x) {
        return has(name) ? affine(name, normalise(x, layerNormEpsilon)) : x;
    }

    double[] groupNorm(String name, double[] x) {
        double[] y = new double[x.length];
        for (int head = 0; head < x.length / headSize; head++) {
            putSlice(y, head, normalise(slice(x, head, headSize), groupNormEpsilon));
        }
        return affine(name, y);
    }

    private double[] affine(String name, double[] x) {
        return add(multiply(x, vector(name)), vector(name + ".bias"));
    }

    private Tensor tensor(String name) {
        Tensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException("the file has no tensor " + name + ".weight");
        }
        return tensor;
    }

    /**
     * @param dims fastest first
     * @param type that it is stored in
     */
    private record Tensor(double[] values, List<Integer> dims, GgmlType type) {
        int rowLength() {
            return dims.getFirst();
        }

        Tensor scaled(double factor) {
            return new Tensor(Vectors.map(values, value -> value * factor), dims, type);
        }
    }
}
