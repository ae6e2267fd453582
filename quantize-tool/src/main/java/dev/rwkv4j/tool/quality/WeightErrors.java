package dev.rwkv4j.tool.quality;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.gguf.TensorCodec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * How far the weights of one file are from those of another, tensor by tensor.
 *
 * @param tensors those that could be compared, in the order of the base
 * @param notes what could not be compared, and why
 * @param relative error of all compared tensors together, see {@link TensorError#relative}
 */
public record WeightErrors(List<TensorError> tensors, List<String> notes, double relative) {
    /** A multiple of all block lengths. */
    private static final int PIECE_ELEMENTS = 1 << 16;

    /** Copies the lists. */
    public WeightErrors {
        tensors = List.copyOf(tensors);
        notes = List.copyOf(notes);
    }

    /**
     * One tensor.
     *
     * @param name its name
     * @param baseType its type in the base
     * @param type its type in the other file
     * @param relative root of the sum of squared differences, divided by the root of the sum of squares of the base
     */
    public record TensorError(String name, GgmlType baseType, GgmlType type, double relative) {
    }

    /**
     * Compares two files. Both are read through once, in pieces.
     *
     * @param base what is taken for the truth
     * @param other what is judged
     * @return the errors
     */
    public static WeightErrors of(GgufFile base, GgufFile other) {
        List<String> notes = new ArrayList<>();
        for (GgufTensor tensor : other.tensors().values()) {
            if (!base.tensors().containsKey(tensor.name())) {
                notes.add(tensor.name() + " is only in " + other.path());
            }
        }
        List<TensorError> errors = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            Pieces pieces = new Pieces(arena);
            for (GgufTensor tensor : base.tensors().values()) {
                GgufTensor counterpart = other.tensors().get(tensor.name());
                Optional<String> obstacle = obstacle(tensor, counterpart, base, other);
                obstacle.ifPresent(notes::add);
                if (obstacle.isEmpty()) {
                    errors.add(new TensorError(tensor.name(), tensor.type(), counterpart.type(),
                            pieces.relativeError(tensor, counterpart)));
                }
            }
            return new WeightErrors(errors, notes, Pieces.relative(pieces.allSquaredDifferences, pieces.allSquares));
        }
    }

    /** {@return the tensor with the largest relative error, if any was compared} */
    public Optional<TensorError> worst() {
        return tensors.stream().max(Comparator.comparingDouble(TensorError::relative));
    }

    private static Optional<String> obstacle(GgufTensor tensor, GgufTensor counterpart, GgufFile base, GgufFile other) {
        if (counterpart == null) {
            return Optional.of(tensor.name() + " is only in " + base.path());
        }
        if (!tensor.dims().equals(counterpart.dims())) {
            return Optional.of(tensor.name() + " is " + tensor.dims() + " in " + base.path() + " and "
                    + counterpart.dims() + " in " + other.path());
        }
        return Optional.empty();
    }

    /** Where pieces of both tensors are decoded, and what has been summed up. */
    private static final class Pieces {
        private final MemorySegment decoded;
        private final float[] truth = new float[PIECE_ELEMENTS];
        private final float[] found = new float[PIECE_ELEMENTS];
        private double allSquaredDifferences;
        private double allSquares;

        Pieces(Arena arena) {
            decoded = arena.allocate(JAVA_FLOAT, PIECE_ELEMENTS);
        }

        double relativeError(GgufTensor tensor, GgufTensor counterpart) {
            double squaredDifferences = 0;
            double squares = 0;
            for (long from = 0; from < tensor.elements(); from += PIECE_ELEMENTS) {
                int count = (int) Math.min(PIECE_ELEMENTS, tensor.elements() - from);
                decode(tensor, from, count, truth);
                decode(counterpart, from, count, found);
                for (int i = 0; i < count; i++) {
                    double difference = (double) found[i] - truth[i];
                    squaredDifferences += difference * difference;
                    squares += (double) truth[i] * truth[i];
                }
            }
            allSquaredDifferences += squaredDifferences;
            allSquares += squares;
            return relative(squaredDifferences, squares);
        }

        private void decode(GgufTensor tensor, long from, int count, float[] target) {
            MemorySegment source = tensor.data().asSlice(tensor.type().bytes(from), tensor.type().bytes(count));
            TensorCodec.decode(tensor.type(), source, decoded.asSlice(0, (long) count * Float.BYTES));
            MemorySegment.copy(decoded, JAVA_FLOAT, 0, target, 0, count);
        }

        static double relative(double squaredDifferences, double squares) {
            return squaredDifferences == 0 ? 0 : Math.sqrt(squaredDifferences / squares);
        }
    }
}
