package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.gguf.GgufWriter.TensorData;
import dev.rwkv4j.gguf.GgufWriter.TensorOutput;
import dev.rwkv4j.tool.convert.Checkpoint.Container;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
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
 * @param vocabulary a file to take the tokenizer from; without it the new file has none, or that of a GGUF file
 * @param groupNormEpsilon to be written into the new file; without it the checkpoint's holds, which is the official 64e-5
 *     unless the checkpoint says something else
 * @param overwrite whether the new file may replace one that is there already
 */
public record Conversion(
        Optional<GgmlType> type, Optional<Path> vocabulary, OptionalDouble groupNormEpsilon, boolean overwrite) {

    private static final Set<GgmlType> TYPES = Set.of(GgmlType.F32, GgmlType.F16, GgmlType.BF16);

    /**
     * Checks the options.
     *
     * @throws IllegalArgumentException if the type isn't F32, F16 or BF16, or the epsilon isn't a positive number
     */
    public Conversion {
        Objects.requireNonNull(vocabulary, "vocabulary");
        if (type.isPresent() && !TYPES.contains(type.get())) {
            throw new IllegalArgumentException("a conversion makes F32, F16 or BF16, not " + type.get());
        }
        double epsilon = groupNormEpsilon.orElse(1);
        if (!(epsilon > 0) || !Float.isFinite((float) epsilon)) {
            throw new IllegalArgumentException("the group norm's epsilon must be positive, not " + epsilon);
        }
    }

    /** {@return a conversion that keeps types, adds no vocabulary and replaces no file} */
    public static Conversion defaults() {
        return new Conversion(Optional.empty(), Optional.empty(), OptionalDouble.empty(), false);
    }

    /**
     * A copy with a type for the matrices.
     *
     * @param newType F32, F16 or BF16
     * @return the copy
     * @throws IllegalArgumentException if it is none of these
     */
    public Conversion withType(GgmlType newType) {
        return new Conversion(Optional.of(newType), vocabulary, groupNormEpsilon, overwrite);
    }

    /**
     * A copy with a vocabulary.
     *
     * @param file the World vocabulary, or a {@code tokenizer.json} of GPT-NeoX
     * @return the copy
     */
    public Conversion withVocabulary(Path file) {
        return new Conversion(type, Optional.of(file), groupNormEpsilon, overwrite);
    }

    /**
     * A copy with an epsilon for the group norm, which version 4 does not have.
     *
     * @param epsilon a positive number
     * @return the copy
     * @throws IllegalArgumentException if it isn't positive
     */
    public Conversion withGroupNormEpsilon(double epsilon) {
        return new Conversion(type, vocabulary, OptionalDouble.of(epsilon), overwrite);
    }

    /**
     * A copy that may or may not replace a file.
     *
     * @param allowed whether it may
     * @return the copy
     */
    public Conversion withOverwrite(boolean allowed) {
        return new Conversion(type, vocabulary, groupNormEpsilon, allowed);
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
     * @throws IOException if a file can't be read or written
     */
    public ConversionResult run(Path source, Path target, ConversionProgress progress) throws IOException {
        checkTarget(source, target);
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            NamedTensors tensors = new NamedTensors(checkpoint);
            ModelSizes sizes = ModelSizes.of(tensors);
            ModelLayout layout = ModelLayout.of(tensors, sizes);
            GgufWriter writer = new GgufWriter();
            List<String> notes = new ArrayList<>(layout.notes());
            noteEpsilon(checkpoint.container(), sizes, notes);
            ModelConstants constants = constants(checkpoint);
            carryMetadata(checkpoint, sizes, constants, writer);
            ModelMetadata.put(writer, modelName(checkpoint), sizes, constants, layout.outputs(), type.orElse(null));
            if (vocabulary.isPresent() || checkpoint.metadata().isEmpty()) {
                Vocabulary.put(writer, vocabulary, Math.toIntExact(sizes.vocabulary()), notes);
            }
            addTensors(writer, layout.outputs(), progress);
            return new ConversionResult(sizes.architecture(), layout.outputs().size(), writer.write(target), notes);
        }
    }

    private void checkTarget(Path source, Path target) throws IOException {
        if (!Files.exists(target)) {
            return;
        }
        if (Files.exists(source) && Files.isSameFile(source, target)) {
            throw new FileSystemException(target.toString(), null, "is the checkpoint itself");
        }
        if (!overwrite) {
            throw new FileAlreadyExistsException(target.toString(), null, "exists already");
        }
    }

    /** What a GGUF file says of its model is said of the new one, but for what may change. */
    private void carryMetadata(Checkpoint checkpoint, ModelSizes sizes, ModelConstants constants, GgufWriter writer)
            throws IOException {
        if (checkpoint.metadata().isPresent()) {
            GgufMetadata metadata = checkpoint.metadata().get();
            ModelMetadata.check(checkpoint.path(), metadata, sizes);
            writer.putAll(metadata, key -> !(constants.hasOfficialGroupNorm()
                    && key.endsWith(ModelMetadata.GROUP_NORM_EPSILON))
                    && !(vocabulary.isPresent() && key.startsWith(Vocabulary.KEYS)));
        }
    }

    private ModelConstants constants(Checkpoint checkpoint) {
        ModelConstants constants = checkpoint.constants();
        return constants.withEpsilons(constants.layerNormEpsilon(),
                groupNormEpsilon.orElse(constants.groupNormEpsilon()));
    }

    /** As a GGUF file says, or the file's name without its extension, or the folder's if the file's says nothing. */
    private static String modelName(Checkpoint checkpoint) throws IOException {
        Path file = checkpoint.path();
        Path folder = file.toAbsolutePath().getParent().getFileName();
        boolean named = !ShardIndex.NAMES.contains(file.getFileName().toString()) || folder == null;
        String name = named ? withoutExtension(file) : folder.toString();
        return checkpoint.metadata().isEmpty()
                ? name
                : checkpoint.metadata().get().getString(ModelMetadata.NAME, name);
    }

    private static String withoutExtension(Path file) {
        String name = file.getFileName().toString();
        int dot = name.lastIndexOf('.');
        return dot > 0 ? name.substring(0, dot) : name;
    }

    private void noteEpsilon(Container container, ModelSizes sizes, List<String> notes) {
        if (container == Container.RWKV_CPP && sizes.version() == 5 && groupNormEpsilon.isEmpty()) {
            notes.add("rwkv.cpp evaluates RWKV-5 with a group norm epsilon of 1e-5 where the official code has 64e-5, "
                    + "which holds for the new file; convert with a group norm epsilon of 1e-5 to get rwkv.cpp's results.");
        }
    }

    private void addTensors(GgufWriter writer, List<OutputTensor> outputs, ConversionProgress progress) {
        long bytesInAll = outputs.stream().mapToLong(tensor -> typeOf(tensor).bytes(tensor.elements())).sum();
        Meter meter = new Meter(progress, bytesInAll);
        for (OutputTensor tensor : outputs) {
            GgmlType tensorType = typeOf(tensor);
            TensorData data = out -> tensor.write(tensorType, meter.counting(tensor.name(), out));
            writer.addTensor(tensor.name(), tensorType, tensor.dimensions(), data);
        }
    }

    private GgmlType typeOf(OutputTensor tensor) {
        return tensor.type(type.orElse(null));
    }

    private static final class Meter {
        private final ConversionProgress progress;
        private final long bytesInAll;
        private long bytesDone;

        Meter(ConversionProgress progress, long bytesInAll) {
            this.progress = progress;
            this.bytesInAll = bytesInAll;
        }

        TensorOutput counting(String tensor, TensorOutput out) {
            return bytes -> {
                out.write(bytes);
                bytesDone += bytes.byteSize();
                progress.update(bytesDone, bytesInAll, tensor);
            };
        }
    }
}
