package dev.rwkv4j.tool.quantize;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.gguf.TensorCodec;
import dev.rwkv4j.tool.convert.OutputTensor;
import dev.rwkv4j.tool.convert.RowEncoder;
import dev.rwkv4j.tool.convert.TensorKind;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How important each column of a model's matrices is: the mean square of what it is multiplied by. In the format of
 * llama.cpp's {@code llama-imatrix}, a GGUF file with two tensors for each matrix, {@code NAME.in_sum2} and
 * {@code NAME.counts}.
 */
public final class ImportanceMatrix implements Rounding {
    private static final String TYPE_KEY = "general.type";
    private static final String TYPE = "imatrix";
    private static final String SUMS = ".in_sum2";
    private static final String COUNTS = ".counts";

    private final Path file;
    private final Map<String, MemorySegment> columns;

    private ImportanceMatrix(Path file, Map<String, MemorySegment> columns) {
        this.file = file;
        this.columns = columns;
    }

    /**
     * Reads a file.
     *
     * @param file what {@link #write} or llama-imatrix has written
     * @return what it says
     * @throws GgufFormatException if it is no such file, or damaged
     * @throws IOException if it cannot be read
     */
    public static ImportanceMatrix read(Path file) throws IOException {
        try (GgufFile gguf = GgufFile.open(file)) {
            String type = gguf.metadata().getString(TYPE_KEY, "");
            if (!type.equals(TYPE)) {
                throw new GgufFormatException(file, "its " + TYPE_KEY + " is not '" + TYPE
                        + "': it is no importance matrix");
            }
            Map<String, MemorySegment> columns = new HashMap<>();
            for (GgufTensor sums : gguf.tensors().values()) {
                if (sums.name().endsWith(SUMS)) {
                    String name = sums.name().substring(0, sums.name().length() - SUMS.length());
                    GgufTensor counts = gguf.tensor(name + COUNTS);
                    requireFloats(file, sums);
                    requireFloats(file, counts);
                    if (counts.elements() == 1) { // else a stack of matrices, of which no type makes blocks
                        columns.put(name, means(file, sums, counts.data().get(JAVA_FLOAT_UNALIGNED, 0)));
                    }
                }
            }
            return new ImportanceMatrix(file, columns);
        }
    }

    private static void requireFloats(Path file, GgufTensor tensor) throws GgufFormatException {
        if (tensor.type() != GgmlType.F32) {
            throw new GgufFormatException(file, "tensor " + tensor.name() + " is " + tensor.type() + ", expected F32");
        }
    }

    private static MemorySegment means(Path file, GgufTensor sums, float count) throws GgufFormatException {
        MemorySegment means = Arena.ofAuto().allocate(JAVA_FLOAT, sums.elements());
        for (long i = 0; i < sums.elements(); i++) {
            float mean = count > 0 ? sums.data().get(JAVA_FLOAT_UNALIGNED, i * Float.BYTES) / count : 1;
            if (!(mean >= 0) || !Float.isFinite(mean)) {
                throw new GgufFormatException(file, "tensor " + sums.name() + ": element " + i
                        + " is no sum of squares");
            }
            means.setAtIndex(JAVA_FLOAT, i, mean);
        }
        return means;
    }

    /**
     * Writes a file, which appears under its name only when it is complete.
     *
     * @param file its name
     * @param text what the model has read, named in the file
     * @param chunks into how many parts the text was cut
     * @param chunkTokens how many tokens each of them had, about
     * @param tokens how many tokens the model has read
     * @param sums the sums of squares of each matrix's inputs, by the matrix's name
     * @throws IOException if it cannot be written
     */
    public static void write(Path file, String text, long chunks, long chunkTokens, long tokens,
            Map<String, MemorySegment> sums) throws IOException {
        GgufWriter writer = new GgufWriter().putString(TYPE_KEY, TYPE)
                .putStrings("imatrix.datasets", List.of(text))
                .putUint32("imatrix.chunk_count", chunks)
                .putUint32("imatrix.chunk_size", chunkTokens);
        MemorySegment count = MemorySegment.ofArray(new float[]{tokens});
        sums.forEach((name, squares) -> {
            long[] dims = {squares.byteSize() / Float.BYTES, 1};
            writer.addTensor(name + SUMS, GgmlType.F32, dims, out -> out.write(squares));
            writer.addTensor(name + COUNTS, GgmlType.F32, new long[]{1, 1}, out -> out.write(count));
        });
        writer.write(file);
    }

    @Override
    public RowEncoder encoder(OutputTensor tensor) {
        MemorySegment importance = columns.getOrDefault(tensor.name(), MemorySegment.NULL);
        return (type, floats, _, rowElements, target) -> TensorCodec.encodeWithSearch(type, floats, rowElements,
                importance,
                target);
    }

    @Override
    public List<String> check(List<OutputTensor> tensors) throws IOException {
        for (OutputTensor tensor : tensors) {
            MemorySegment importance = columns.get(tensor.name());
            if (importance != null && importance.byteSize() != tensor.rowElements() * Float.BYTES) {
                throw new FileSystemException(file.toString(), null, "is of another model: it has "
                        + importance.byteSize() / Float.BYTES + " columns for " + tensor.name() + ", which has "
                        + tensor.rowElements());
            }
        }
        List<String> missing = tensors.stream()
                .filter(tensor -> TensorKind.isMultiplied(tensor.name(), tensor.dims()))
                .map(OutputTensor::name).filter(name -> !columns.containsKey(name)).toList();
        return missing.isEmpty()
                ? List.of()
                : List.of(file + " says nothing of " + String.join(", ", missing)
                        + ": quantized as if all columns were alike.");
    }
}
