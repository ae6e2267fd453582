package dev.rwkv4j.tool.quantize;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.tool.convert.CheckpointFormatException;
import dev.rwkv4j.tool.convert.ConversionProgress;
import dev.rwkv4j.tool.convert.ConversionResult;
import dev.rwkv4j.tool.convert.ModelSource;
import dev.rwkv4j.tool.convert.ModelWriter;
import dev.rwkv4j.tool.convert.OutputTensor;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Makes a smaller GGUF file of a model, directly from whatever {@link dev.rwkv4j.tool.convert.Conversion} takes. A model
 * of any size needs only some megabytes of memory, and the file is the same for any number of threads.
 *
 * {@snippet :
 * Quantization.to(Mix.find("Q4_M").orElseThrow())
 *         .withOverride(new TypeOverride("output.weight", GgmlType.Q8_0))
 *         .run(Path.of("rwkv.pth"), Path.of("rwkv-Q4_M.gguf"), ConversionProgress.NONE);
 * }
 *
 * @param mix the type of each matrix. Where it is no choice for a matrix's rows, the matrix gets what llama.cpp's
 *     quantiser falls back to
 * @param overrides what to do otherwise; the last one that matches a matrix counts
 * @param requantize whether tensors in a block format may get another one, which adds a second loss to the first
 * @param rounding how matrices are rounded
 * @param writer how the new file is written
 */
public record Quantization(
        Mix mix, List<TypeOverride> overrides, boolean requantize, Rounding rounding, ModelWriter writer) {
    /** Copies the overrides. */
    public Quantization {
        overrides = List.copyOf(overrides);
    }

    /**
     * A quantisation that replaces no file, re-quantises nothing, searches for the best scales and uses all processors.
     *
     * @param mix the type of each matrix
     * @return the quantisation
     */
    public static Quantization to(Mix mix) {
        return new Quantization(mix, List.of(), false, Rounding.SEARCH, ModelWriter.defaults());
    }

    /**
     * A copy with one more override.
     *
     * @param override counts before those that are there already
     * @return the copy
     */
    public Quantization withOverride(TypeOverride override) {
        List<TypeOverride> more = new ArrayList<>(overrides);
        more.add(override);
        return new Quantization(mix, more, requantize, rounding, writer);
    }

    /**
     * A copy that may or may not quantise what is quantised.
     *
     * @param allowed whether it may
     * @return the copy
     */
    public Quantization withRequantize(boolean allowed) {
        return new Quantization(mix, overrides, allowed, rounding, writer);
    }

    /**
     * A copy that rounds otherwise.
     *
     * @param newRounding how matrices are rounded
     * @return the copy
     */
    public Quantization withRounding(Rounding newRounding) {
        return new Quantization(mix, overrides, requantize, newRounding, writer);
    }

    /**
     * A copy that writes otherwise.
     *
     * @param newWriter how the new file is written
     * @return the copy
     */
    public Quantization withWriter(ModelWriter newWriter) {
        return new Quantization(mix, overrides, requantize, rounding, newWriter);
    }

    /**
     * Finds out what would be made; writes nothing.
     *
     * @param source the model
     * @return all tensors of the new file
     * @throws CheckpointFormatException if the source is damaged or of a kind that can't be converted
     * @throws FileSystemException if it is quantised already and may not be again, or an override matches no matrix
     * @throws IOException if it can't be read
     */
    public QuantizationPlan plan(Path source) throws IOException {
        try (ModelSource model = ModelSource.open(source)) {
            check(source, model.tensors());
            return QuantizationPlan.of(model.tensors(), this::typeOf);
        }
    }

    /**
     * Quantises. The new file appears under its name only when it is complete.
     *
     * @param source the model
     * @param target the new file
     * @param progress is told how far it is
     * @return what was made
     * @throws CheckpointFormatException if the source is damaged or of a kind that can't be converted, or a value has no
     *     place in its type
     * @throws FileAlreadyExistsException if there is a file under the new name, and it may not be replaced
     * @throws FileSystemException if the source is quantised already and may not be again, an override matches no matrix,
     *     or the new name is that of a file that is read
     * @throws IOException if a file can't be read or written
     */
    public ConversionResult run(Path source, Path target, ConversionProgress progress) throws IOException {
        writer.checkTarget(target);
        try (ModelSource model = ModelSource.open(source)) {
            check(source, model.tensors());
            List<String> notes = new ArrayList<>(rounding.check(rounded(model.tensors())));
            ConversionResult result = writer.write(model, this::typeOf, rounding::encoder, mix.mainType(), target,
                    progress);
            notes.addAll(result.notes());
            return new ConversionResult(result.architecture(), result.tensors(), result.bytes(), notes);
        }
    }

    /**
     * Finds out which tensors will be rounded to a block format.
     *
     * @param source the model
     * @return their types by their names, for {@link Calibration}
     * @throws CheckpointFormatException if the source is damaged or of a kind that can't be converted
     * @throws IOException if it can't be read
     */
    public Map<String, GgmlType> rounded(Path source) throws IOException {
        try (ModelSource model = ModelSource.open(source)) {
            return rounded(model.tensors()).stream().collect(Collectors.toMap(OutputTensor::name, this::typeOf));
        }
    }

    private List<OutputTensor> rounded(List<OutputTensor> tensors) {
        return tensors.stream()
                .filter(tensor -> typeOf(tensor).isQuantized() && typeOf(tensor) != tensor.sourceType()).toList();
    }

    private void check(Path source, List<OutputTensor> tensors) throws FileSystemException {
        for (TypeOverride override : overrides) {
            if (tensors.stream().noneMatch(override::matches)) {
                throw new FileSystemException(source.toString(), null,
                        "no matrix of this model has a name like " + override.pattern());
            }
        }
        for (OutputTensor tensor : tensors) {
            if (!requantize && isRequantized(tensor)) {
                throw new FileSystemException(source.toString(), null,
                        "tensor " + tensor.name() + " is quantised already, as " + tensor.sourceType() + "; making "
                                + typeOf(tensor) + " of it adds to what was lost, so take the original model, or "
                                + "allow it (--requantize)");
            }
        }
    }

    private boolean isRequantized(OutputTensor tensor) {
        GgmlType type = typeOf(tensor);
        return tensor.sourceType().isQuantized() && type.isQuantized() && type != tensor.sourceType();
    }

    private GgmlType typeOf(OutputTensor tensor) {
        return overrides.reversed().stream().filter(override -> override.matches(tensor)).findFirst()
                .map(TypeOverride::type)
                .or(() -> mix.type(tensor))
                .map(type -> RowFallback.of(type, tensor.rowElements()))
                .orElse(tensor.keptType());
    }
}
