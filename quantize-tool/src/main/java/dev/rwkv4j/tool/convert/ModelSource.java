package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.convert.Checkpoint.Container;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * An open checkpoint, laid out as a GGUF file is. Its tensors may be read by all threads until it is closed.
 */
public final class ModelSource implements AutoCloseable {
    private final Checkpoint checkpoint;
    private final ModelSizes sizes;
    private final ModelLayout layout;

    private ModelSource(Checkpoint checkpoint, ModelSizes sizes, ModelLayout layout) {
        this.checkpoint = checkpoint;
        this.sizes = sizes;
        this.layout = layout;
    }

    /**
     * What a new file has that isn't in the source.
     *
     * @param vocabulary a file to take the tokenizer from; without it the new file has the source's, if that has any
     * @param groupNormEpsilon without it the source's holds, or the official 64e-5
     */
    public record Additions(Optional<Path> vocabulary, OptionalDouble groupNormEpsilon) {
        /** Nothing. */
        public static final Additions NONE = new Additions(Optional.empty(), OptionalDouble.empty());

        /**
         * Checks the epsilon.
         *
         * @throws IllegalArgumentException if it isn't a positive number
         */
        public Additions {
            double epsilon = groupNormEpsilon.orElse(1);
            if (!(epsilon > 0) || !Float.isFinite((float) epsilon)) {
                throw new IllegalArgumentException("the group norm's epsilon must be positive, not " + epsilon);
            }
        }

        /**
         * A copy with a vocabulary.
         *
         * @param file the World vocabulary, or a {@code tokenizer.json} of GPT-NeoX
         * @return the copy
         */
        public Additions withVocabulary(Path file) {
            return new Additions(Optional.of(file), groupNormEpsilon);
        }

        /**
         * A copy with an epsilon for the group norm, which version 4 does not have.
         *
         * @param epsilon a positive number
         * @return the copy
         * @throws IllegalArgumentException if it isn't positive
         */
        public Additions withGroupNormEpsilon(double epsilon) {
            return new Additions(vocabulary, OptionalDouble.of(epsilon));
        }
    }

    /**
     * Opens a checkpoint of any kind that {@link Conversion} describes.
     *
     * @param path a file, the index of several, or their folder
     * @return the checkpoint, to be closed
     * @throws CheckpointFormatException if it is nothing that can be converted, or damaged
     * @throws dev.rwkv4j.gguf.GgufFormatException if it is a damaged GGUF file
     * @throws IOException if it can't be read
     */
    public static ModelSource open(Path path) throws IOException {
        return of(Checkpoint.open(path));
    }

    /** Takes over a checkpoint: closes it, also if this fails. */
    static ModelSource of(Checkpoint checkpoint) throws CheckpointFormatException {
        try {
            NamedTensors tensors = new NamedTensors(checkpoint);
            ModelSizes sizes = ModelSizes.of(tensors);
            return new ModelSource(checkpoint, sizes, ModelLayout.of(tensors, sizes));
        } catch (Throwable e) {
            checkpoint.close();
            throw e;
        }
    }

    /** {@return whether it is a GGUF file, which is a model as it is} */
    public boolean isGguf() {
        return checkpoint.isGguf();
    }

    /** {@return all files that it is read from} */
    public Set<Path> files() {
        return checkpoint.files();
    }

    /** {@return the value of {@code general.architecture}: {@code rwkv4}, {@code rwkv5}, {@code rwkv6} or {@code rwkv7}} */
    public String architecture() {
        return sizes.architecture();
    }

    /** {@return the tensors that a new file has, in their order} */
    public List<OutputTensor> tensors() {
        return layout.outputs();
    }

    /**
     * The tokenizer that a new file has.
     *
     * @param additions what is added to the checkpoint's, or put in its place
     * @return the tokenizer; empty if there is none
     * @throws IOException if the vocabulary can't be read, or isn't the model's
     */
    public Optional<Tokenizer> tokenizer(Additions additions) throws IOException {
        return replacesVocabulary(additions)
                ? Vocabulary.tokenizer(additions.vocabulary(), rows())
                : Tokenizer.of(checkpoint.metadata().orElseThrow(), rows());
    }

    private boolean replacesVocabulary(Additions additions) {
        return additions.vocabulary().isPresent() || checkpoint.metadata().isEmpty();
    }

    private int rows() {
        return Math.toIntExact(sizes.vocabulary());
    }

    /**
     * Puts all metadata of the new file.
     *
     * @param writer the new file
     * @param fileType what it says it is, as a whole
     * @param additions what to add to the checkpoint's, or to put in its place
     * @return what the person should know about the new file, each a sentence or two
     * @throws IOException if the vocabulary can't be read, or isn't the model's
     */
    List<String> describe(GgufWriter writer, GgmlType fileType, Additions additions) throws IOException {
        ModelConstants constants = constants(additions);
        carryMetadata(writer, constants, additions);
        long elements = tensors().stream().mapToLong(OutputTensor::elements).sum();
        ModelMetadata.put(writer, modelName(), sizes, constants, elements, fileType);
        List<String> notes = new ArrayList<>(layout.notes());
        noteEpsilon(additions, notes);
        if (replacesVocabulary(additions)) {
            Vocabulary.put(writer, sizes.architecture(), additions.vocabulary(), rows(), notes);
        }
        return notes;
    }

    private ModelConstants constants(Additions additions) {
        ModelConstants constants = checkpoint.constants();
        return constants.withEpsilons(constants.layerNormEpsilon(),
                additions.groupNormEpsilon().orElse(constants.groupNormEpsilon()));
    }

    /** What a GGUF file says of its model is said of the new one, but for what may change. */
    private void carryMetadata(GgufWriter writer, ModelConstants constants, Additions additions) throws IOException {
        if (checkpoint.metadata().isPresent()) {
            GgufMetadata metadata = checkpoint.metadata().get();
            ModelMetadata.check(checkpoint.path(), metadata, sizes);
            writer.putAll(metadata, key -> !(constants.hasOfficialGroupNorm()
                    && key.endsWith(ModelMetadata.GROUP_NORM_EPSILON))
                    && !(additions.vocabulary().isPresent() && key.startsWith(Vocabulary.KEYS)));
        }
    }

    /** As a GGUF file says, or the file's name without its extension, or the folder's if the file's says nothing. */
    private String modelName() throws IOException {
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

    private void noteEpsilon(Additions additions, List<String> notes) {
        if (checkpoint.container() == Container.RWKV_CPP && sizes.version() == 5
                && additions.groupNormEpsilon().isEmpty()) {
            notes.add("rwkv.cpp evaluates RWKV-5 with a group norm epsilon of 1e-5 where the official code has 64e-5, "
                    + "which holds for the new file; --group-norm-epsilon 1e-5 gives rwkv.cpp's results.");
        }
    }

    /** Unmaps the checkpoint. */
    @Override
    public void close() {
        checkpoint.close();
    }
}
