package dev.rwkv4j;

import static java.lang.foreign.MemorySegment.NULL;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.rwkv4j.bindings.NativeCalls;
import dev.rwkv4j.bindings.RwkvNativeException;
import dev.rwkv4j.bindings.RwkvStatus;
import dev.rwkv4j.bindings.rwkv_context_config;
import dev.rwkv4j.bindings.rwkv_context_info;
import dev.rwkv4j.bindings.rwkv_h;
import dev.rwkv4j.bindings.rwkv_model_config;
import dev.rwkv4j.bindings.rwkv_model_info;
import dev.rwkv4j.bindings.rwkv_tensor;
import dev.rwkv4j.bindings.rwkv_type_info;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.gguf.GgufTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/** Makes the native model and context of an open GGUF file: its metadata and tensors become the structs of rwkv.h. */
final class ModelLoader {
    static final String ARCHITECTURE_KEY = "general.architecture";

    /** It is made later, if at all. */
    private static final String NO_FINGERPRINT = "";

    private static final Map<String, Integer> VERSIONS = Map.of("rwkv4", 4, "rwkv5", 5, "rwkv6", 6, "rwkv7", 7);

    private final GgufFile file;
    private final GgufMetadata metadata;
    private final String architecture;
    private final int version;

    /**
     * Checks that it is a model that can be loaded at all.
     *
     * @param file an open file; stays the caller's
     */
    ModelLoader(GgufFile file) throws IOException {
        this.file = file;
        this.metadata = file.metadata();
        this.architecture = metadata.getString(ARCHITECTURE_KEY);
        Integer known = VERSIONS.get(architecture);
        if (known == null) {
            throw new GgufFormatException(file.path(), "its " + ARCHITECTURE_KEY + " is '" + architecture
                    + "', expected rwkv4, rwkv5, rwkv6 or rwkv7");
        }
        this.version = known;
    }

    /** The native model and context, and what is to be known about them. */
    record Loaded(MemorySegment model, MemorySegment context, ModelInfo info) {
    }

    /** A tensor of another type than in the file, in native memory. */
    record Replacement(GgmlType type, MemorySegment data) {
    }

    /** Makes both, which are then the caller's, or neither. */
    Loaded load(ModelOptions options) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment model = createModel(options, true, Map.of(), arena);
            MemorySegment context = NULL;
            try {
                context = createContext(model, options, arena);
                return new Loaded(model, context, info(model, context, arena));
            } catch (Throwable e) {
                rwkv_h.rwkv_context_free(context);
                rwkv_h.rwkv_model_free(model);
                throw e;
            }
        }
    }

    /** Makes the native model alone, which is then the caller's. */
    MemorySegment createModel(ModelOptions options) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            return createModel(options, true, Map.of(), arena);
        }
    }

    /**
     * The same, of tensors not all of which are the file's.
     *
     * @param replacements what is in the place of the file's tensors of that name; may change
     */
    MemorySegment createModel(ModelOptions options, Map<String, Replacement> replacements) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            return createModel(options, false, replacements, arena);
        }
    }

    private MemorySegment createModel(ModelOptions options, boolean mapped, Map<String, Replacement> replacements,
            Arena arena) throws IOException {
        MemorySegment config = config(options, mapped, arena);
        MemorySegment tensors = tensors(replacements, arena);
        try {
            return NativeCalls.create((out, error) -> rwkv_h.rwkv_model_create(
                    config, tensors, file.tensors().size(), out, error));
        } catch (RwkvNativeException e) {
            if (e.status() == RwkvStatus.MODEL || e.status() == RwkvStatus.UNSUPPORTED) {
                checkTypes(arena);
                throw (IOException) new GgufFormatException(file.path(), e.getMessage()).initCause(e);
            }
            throw NativeFailure.translate(e);
        }
    }

    /** Of a type that it cannot compute with, the native library knows the number only. */
    private void checkTypes(Arena arena) throws IOException {
        MemorySegment info = rwkv_type_info.allocate(arena);
        rwkv_type_info.struct_size(info, Math.toIntExact(info.byteSize()));
        for (GgufTensor tensor : file.tensors().values()) {
            try {
                NativeCalls.call(error -> rwkv_h.rwkv_type_info(tensor.type().id(), info, error));
            } catch (RwkvNativeException e) {
                throw new GgufFormatException(file.path(), "tensor " + tensor.name() + " has the type " + tensor.type()
                        + ", which cannot be computed with");
            }
        }
    }

    int layerCount() throws IOException {
        return metadata.getInt(key("block_count"));
    }

    private MemorySegment config(ModelOptions options, boolean mapped, Arena arena) throws IOException {
        MemorySegment config = rwkv_model_config.allocate(arena);
        rwkv_model_config.struct_size(config, Math.toIntExact(config.byteSize()));
        rwkv_model_config.version(config, version);
        rwkv_model_config.layer_count(config, layerCount());
        rwkv_model_config.width(config, size("embedding_length"));
        rwkv_model_config.channel_mix_width(config, size("feed_forward_length"));
        rwkv_model_config.vocabulary_size(config, size("vocab_size"));
        rwkv_model_config.head_size(config, version == 4 ? 0 : size("wkv.head_size"));
        rwkv_model_config.rescale_every(config, size("rescale_every_n_layers"));
        rwkv_model_config.layer_norm_epsilon(config, epsilon("attention.layer_norm_epsilon"));
        rwkv_model_config.group_norm_epsilon(config, epsilon("attention.group_norm_epsilon"));
        rwkv_model_config.dense(config, options.dense() ? 1 : 0);
        rwkv_model_config.tensors_are_mapped(config, mapped ? 1 : 0);
        return config;
    }

    private String key(String name) {
        return architecture + "." + name;
    }

    /** A size that may be missing, which is 0 for the native library. */
    private int size(String name) throws IOException {
        int value = metadata.getInt(key(name), 0);
        if (value < 0) {
            throw new GgufFormatException(file.path(), "metadata key " + key(name) + " is " + value
                    + ", expected a size");
        }
        return value;
    }

    /** An epsilon that may be missing, which is 0 for the native library. */
    private float epsilon(String name) throws IOException {
        float value = metadata.getFloat(key(name), 0);
        if (!(value >= 0 && value < 1)) {
            throw new GgufFormatException(file.path(), "metadata key " + key(name) + " is " + value
                    + ", expected a small positive number");
        }
        return value;
    }

    private MemorySegment tensors(Map<String, Replacement> replacements, Arena arena) {
        Collection<GgufTensor> tensors = file.tensors().values();
        MemorySegment table = rwkv_tensor.allocateArray(tensors.size(), arena);
        long index = 0;
        for (GgufTensor tensor : tensors) {
            MemorySegment entry = rwkv_tensor.asSlice(table, index++);
            rwkv_tensor.name(entry, arena.allocateFrom(tensor.name()));
            Replacement stored = replacements.getOrDefault(tensor.name(),
                    new Replacement(tensor.type(), tensor.data()));
            rwkv_tensor.data(entry, stored.data());
            rwkv_tensor.bytes(entry, stored.data().byteSize());
            rwkv_tensor.type(entry, stored.type().id());
            List<Long> dims = tensor.dims();
            rwkv_tensor.dim_count(entry, dims.size());
            MemorySegment sizes = rwkv_tensor.dims(entry);
            for (int i = 0; i < dims.size(); i++) {
                sizes.setAtIndex(JAVA_LONG, i, dims.get(i));
            }
        }
        return table;
    }

    static MemorySegment contextConfig(ModelOptions options, Arena arena) {
        MemorySegment config = rwkv_context_config.allocate(arena);
        rwkv_context_config.struct_size(config, Math.toIntExact(config.byteSize()));
        rwkv_context_config.thread_count(config, options.threads());
        rwkv_context_config.chunk_tokens(config, options.chunkTokens());
        return config;
    }

    private static MemorySegment createContext(MemorySegment model, ModelOptions options, Arena arena) {
        MemorySegment config = contextConfig(options, arena);
        return NativeFailure.create((out, error) -> rwkv_h.rwkv_context_create(model, config, out, error));
    }

    private ModelInfo info(MemorySegment model, MemorySegment context, Arena arena) throws IOException {
        MemorySegment info = rwkv_model_info.allocate(arena);
        rwkv_model_info.struct_size(info, Math.toIntExact(info.byteSize()));
        NativeFailure.call(error -> rwkv_h.rwkv_model_info(model, info, error));
        MemorySegment contextInfo = NativeModel.contextInfo(context, arena);
        return new ModelInfo(
                metadata.getString("general.name", file.path().getFileName().toString()),
                architecture,
                rwkv_model_info.version(info),
                rwkv_model_info.layer_count(info),
                rwkv_model_info.width(info),
                rwkv_model_info.channel_mix_width(info),
                rwkv_model_info.vocabulary_size(info),
                rwkv_model_info.head_count(info),
                rwkv_model_info.head_size(info),
                rwkv_model_info.parameter_count(info),
                rwkv_model_info.tensor_bytes(info),
                rwkv_model_info.allocated_bytes(info),
                rwkv_context_info.scratch_bytes(contextInfo),
                rwkv_model_info.state_floats(info),
                rwkv_context_info.thread_count(contextInfo),
                rwkv_context_info.chunk_tokens(contextInfo),
                NO_FINGERPRINT);
    }
}
