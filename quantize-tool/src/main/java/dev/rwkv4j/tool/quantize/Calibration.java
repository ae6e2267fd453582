package dev.rwkv4j.tool.quantize;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.rwkv4j.RwkvCalibration;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.gguf.TensorCodec;
import dev.rwkv4j.tool.convert.OutputTensor;
import dev.rwkv4j.tool.convert.RowEncoder;
import dev.rwkv4j.tool.convert.TensorKind;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Rounding that knows what matrices are multiplied by, going by a text that the model reads. The error of each weight is
 * made good, as well as may be, by those after it in its row (GPTQ: Frantar et al., 2022); and each matrix makes good what
 * the rounding of those before it, the embedding included, has done to its inputs. For that, matrices are rounded in the
 * order in which they are computed, while the original and the rounded model read the text together.
 *
 * <p>Outside of Java's heap it takes the memory of the rounded tensors, what {@link RwkvCalibration#begin} takes, and for
 * the matrices of a layer that are computed together {@value #BLOCK_COLUMNS} times two floats for each column.
 */
public final class Calibration implements Rounding {
    /** Columns that know of each other: whole blocks of every type. */
    private static final int BLOCK_COLUMNS = 1024;

    /** What a thread encodes at once, at least a row. */
    private static final long SLICE_ELEMENTS = 1 << 16;

    private final RwkvCalibration models;
    private final Map<String, GgmlType> types;

    /** Is told how far a calibration has come. */
    @FunctionalInterface
    public interface Listener {
        /**
         * Some matrices have been rounded.
         *
         * @param done weights that are
         * @param all weights that are to be
         */
        void update(long done, long all);
    }

    /**
     * Prepares a calibration.
     *
     * @param models before they begin a text; to be closed when all is written
     * @param types what they make room for: types, block formats, by the names of tensors
     */
    public Calibration(RwkvCalibration models, Map<String, GgmlType> types) {
        this.models = models;
        this.types = Map.copyOf(types);
    }

    /**
     * Rounds all tensors.
     *
     * @param tokens the text
     * @param threads that round
     * @param listener is told how far it is
     * @throws java.io.InterruptedIOException if the thread is interrupted
     * @throws IOException if the file has no such tensor
     * @throws IllegalArgumentException if an element of a tensor, or what it is multiplied by, isn't finite
     * @throws OutOfMemoryError if there is too little memory
     */
    public void run(int[] tokens, int threads, Listener listener) throws IOException {
        List<GgufTensor> tensors = new ArrayList<>();
        for (String name : types.keySet()) {
            tensors.add(models.original(name));
        }
        Map<Boolean, List<GgufTensor>> byUse = tensors.stream().collect(
                Collectors.partitioningBy(tensor -> TensorKind.isMultiplied(tensor.name(), tensor.dims())));
        TreeMap<CalibrationStep, List<GgufTensor>> steps = byUse.get(true).stream().collect(Collectors.groupingBy(
                tensor -> CalibrationStep.of(tensor.name(), models.layerCount()), TreeMap::new, Collectors.toList()));
        long all = elements(tensors);
        long done = elements(byUse.get(false));
        try (Workers workers = new Workers(threads)) {
            workers.run(byUse.get(false).stream().flatMap(tensor -> encode(tensor, RowEncoder.SEARCH).stream())
                    .toList());
            models.begin(tokens);
            int layer = 0;
            for (Map.Entry<CalibrationStep, List<GgufTensor>> step : steps.entrySet()) {
                for (; layer < step.getKey().layer(); layer++) {
                    models.advance(layer);
                }
                round(layer, step.getValue(), workers);
                done += elements(step.getValue());
                listener.update(done, all);
            }
        }
    }

    private static long elements(List<GgufTensor> tensors) {
        return tensors.stream().mapToLong(GgufTensor::elements).sum();
    }

    /** A matrix, and sums over what both models multiply it by. */
    private record Watched(GgufTensor matrix, MemorySegment sums, MemorySegment drift) {
        static Watched allocate(GgufTensor matrix, Arena arena) {
            long columns = matrix.dims().getFirst();
            long rest = columns % BLOCK_COLUMNS;
            long floats = (columns - rest) * BLOCK_COLUMNS + rest * rest;
            return new Watched(matrix, arena.allocate(JAVA_FLOAT, floats), arena.allocate(JAVA_FLOAT, floats));
        }

        /** A task for each block: they know nothing of each other. */
        List<Runnable> prepare() {
            List<Runnable> tasks = new ArrayList<>();
            long columns = matrix.dims().getFirst();
            for (long first = 0; first < columns; first += BLOCK_COLUMNS) {
                int block = (int) Math.min(BLOCK_COLUMNS, columns - first);
                long at = first * BLOCK_COLUMNS * Float.BYTES;
                long bytes = (long) block * block * Float.BYTES;
                tasks.add(task(matrix, () -> TensorCodec.prepareFeedback(sums.asSlice(at, bytes),
                        drift.asSlice(at, bytes), block, block)));
            }
            return tasks;
        }

        RowEncoder encoder() {
            return (type, floats, _, rowElements, target) -> TensorCodec.encodeWithFeedback(type, floats, rowElements,
                    sums, drift, BLOCK_COLUMNS, target);
        }
    }

    private void round(int layer, List<GgufTensor> matrices, Workers workers) throws IOException {
        try (Arena arena = Arena.ofShared()) {
            List<Watched> watched = matrices.stream().map(matrix -> Watched.allocate(matrix, arena)).toList();
            watched.forEach(one -> models.watch(one.matrix.name(), BLOCK_COLUMNS, one.sums, one.drift));
            models.read(layer);
            workers.run(watched.stream().flatMap(one -> one.prepare().stream()).toList());
            workers.run(watched.stream().flatMap(one -> encode(one.matrix, one.encoder()).stream()).toList());
        }
    }

    /** Tasks that encode some rows each. */
    private List<Runnable> encode(GgufTensor tensor, RowEncoder encoder) {
        GgmlType type = types.get(tensor.name());
        MemorySegment target = models.rounded(tensor.name());
        long row = tensor.dims().getFirst();
        long slice = Math.max(1, SLICE_ELEMENTS / row) * row;
        List<Runnable> tasks = new ArrayList<>();
        for (long first = 0; first < tensor.elements(); first += slice) {
            long at = first;
            long count = Math.min(slice, tensor.elements() - first);
            tasks.add(task(tensor, () -> {
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment floats = arena.allocate(JAVA_FLOAT, count);
                    TensorCodec.decode(tensor.type(), part(tensor.data(), tensor.type(), at, count), floats);
                    encoder.encode(type, floats, at, row, part(target, type, at, count));
                }
            }));
        }
        return tasks;
    }

    /** What fails, says which tensor it was. */
    private static Runnable task(GgufTensor tensor, Runnable task) {
        return () -> {
            try {
                task.run();
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        "tensor " + tensor.name() + " can't be rounded: " + e.getMessage(), e);
            }
        };
    }

    private static MemorySegment part(MemorySegment data, GgmlType type, long first, long count) {
        return data.asSlice(type.bytes(first), type.bytes(count));
    }

    /** What has been rounded. */
    @Override
    public RowEncoder encoder(OutputTensor tensor) {
        if (!types.containsKey(tensor.name())) {
            return RowEncoder.SEARCH;
        }
        MemorySegment rounded = models.rounded(tensor.name());
        return (type, floats, first, _, target) -> target
                .copyFrom(part(rounded, type, first, floats.byteSize() / Float.BYTES));
    }
}
