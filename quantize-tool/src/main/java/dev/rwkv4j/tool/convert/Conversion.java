package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.tool.convert.ModelSource.Additions;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Makes a GGUF file of a checkpoint of RWKV-4, 5.0, 5.1, 5.2, 6 or 7. Files of RWKV-6 and 7 are those that llama.cpp's
 * converter makes. A checkpoint is recognised by its content and by the names of its tensors:
 *
 * <ul>
 * <li>a file of PyTorch ({@code .pth}, {@code .bin}), also of the time before version 1.6, or safetensors
 * ({@code .safetensors}, {@code .st}), with the names of BlinkDL, Hugging Face, flash-linear-attention or web-rwkv;
 * <li>several such files and their index ({@code model.safetensors.index.json}), or a folder that holds them;
 * <li>a model of rwkv.cpp ({@code .bin});
 * <li>GGUF, whose metadata are kept, to be written in another type or with another vocabulary.
 * </ul>
 *
 * <p>Of a {@code config.json} beside a checkpoint of Hugging Face only the norms' epsilons are used.
 *
 * <p>A checkpoint of any size needs only some megabytes of memory. A state that a checkpoint brings along
 * ({@code time_state}) is not carried over; the result says so.
 *
 * {@snippet :
 * ConversionResult result = Conversion.defaults()
 *         .withType(GgmlType.F16)
 *         .run(Path.of("rwkv.pth"), Path.of("rwkv.gguf"), ConversionProgress.NONE);
 * }
 *
 * @param type of the matrices: F32, F16 or BF16. Without it every matrix keeps the type that it has in the checkpoint,
 *     block formats included. What llama.cpp's converter keeps as F32, vectors above all, is F32 in any case
 * @param additions what the new file has that isn't in the checkpoint
 * @param overwrite whether the new file may replace one that is there already
 */
public record Conversion(Optional<GgmlType> type, Additions additions, boolean overwrite) {

    private static final Set<GgmlType> TYPES = Set.of(GgmlType.F32, GgmlType.F16, GgmlType.BF16);

    /**
     * Checks the options.
     *
     * @throws IllegalArgumentException if the type isn't F32, F16 or BF16
     */
    public Conversion {
        if (type.isPresent() && !TYPES.contains(type.get())) {
            throw new IllegalArgumentException("a conversion makes F32, F16 or BF16, not " + type.get());
        }
    }

    /** {@return a conversion that keeps types, adds no vocabulary and replaces no file} */
    public static Conversion defaults() {
        return new Conversion(Optional.empty(), Additions.NONE, false);
    }

    /**
     * A copy with a type for the matrices.
     *
     * @param newType F32, F16 or BF16
     * @return the copy
     * @throws IllegalArgumentException if it is none of these
     */
    public Conversion withType(GgmlType newType) {
        return new Conversion(Optional.of(newType), additions, overwrite);
    }

    /**
     * A copy with a vocabulary.
     *
     * @param file the World vocabulary, or a {@code tokenizer.json} of GPT-NeoX
     * @return the copy
     */
    public Conversion withVocabulary(Path file) {
        return new Conversion(type, additions.withVocabulary(file), overwrite);
    }

    /**
     * A copy with an epsilon for the group norm, which version 4 does not have.
     *
     * @param epsilon a positive number
     * @return the copy
     * @throws IllegalArgumentException if it isn't positive
     */
    public Conversion withGroupNormEpsilon(double epsilon) {
        return new Conversion(type, additions.withGroupNormEpsilon(epsilon), overwrite);
    }

    /**
     * A copy that may or may not replace a file.
     *
     * @param allowed whether it may
     * @return the copy
     */
    public Conversion withOverwrite(boolean allowed) {
        return new Conversion(type, additions, allowed);
    }

    /**
     * Converts. The new file appears under its name only when it is complete.
     *
     * @param source the checkpoint: a file, the index of several, or their folder
     * @param target the new file
     * @param progress is told how far it is
     * @return what was made
     * @throws CheckpointFormatException if the checkpoint is damaged or of a kind that can't be converted, or a value has
     *     no place in the type that was asked for
     * @throws dev.rwkv4j.gguf.GgufFormatException if the checkpoint is a damaged GGUF file
     * @throws FileAlreadyExistsException if there is a file under the new name, and it may not be replaced
     * @throws java.nio.file.FileSystemException if the new name is that of a file that is read
     * @throws IOException if a file can't be read or written
     */
    public ConversionResult run(Path source, Path target, ConversionProgress progress) throws IOException {
        ModelWriter writer = new ModelWriter(additions, overwrite, Runtime.getRuntime().availableProcessors());
        writer.checkTarget(target);
        try (ModelSource model = ModelSource.open(source)) {
            GgmlType fileType = type.orElseGet(() -> mainType(model.tensors()));
            return writer.write(model, this::typeOf, _ -> RowEncoder.PLAIN, fileType, target, progress);
        }
    }

    private GgmlType typeOf(OutputTensor tensor) {
        return type.map(wanted -> tensor.kind().isExact() ? GgmlType.F32 : wanted).orElse(tensor.keptType());
    }

    /** The type that most elements have in the checkpoint. */
    private static GgmlType mainType(List<OutputTensor> tensors) {
        Map<GgmlType, Long> elements = new EnumMap<>(GgmlType.class);
        tensors.forEach(tensor -> elements.merge(tensor.keptType(), tensor.elements(), Long::sum));
        return elements.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
    }
}
