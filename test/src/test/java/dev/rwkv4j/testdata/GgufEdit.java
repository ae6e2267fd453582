package dev.rwkv4j.testdata;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.gguf.GgufWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/** Changes to a GGUF file: how tests make files that are well formed and yet wrong. */
public final class GgufEdit {
    private record Replacement(GgmlType type, long... dims) {
    }

    private final Map<String, Replacement> added = new LinkedHashMap<>();
    private final Map<String, Replacement> replaced = new HashMap<>();
    private final Map<String, Consumer<GgufWriter>> metadata = new HashMap<>();

    /** Leaves a tensor out. */
    public GgufEdit remove(String name) {
        replaced.put(name, null);
        return this;
    }

    /** Gives a tensor another type and other dimensions; its values become zeros. */
    public GgufEdit replace(String name, GgmlType type, long... dims) {
        replaced.put(name, new Replacement(type, dims));
        return this;
    }

    /** Adds a tensor of zeros. */
    public GgufEdit add(String name, GgmlType type, long... dims) {
        added.put(name, new Replacement(type, dims));
        return this;
    }

    /** Sets a value of the metadata. */
    public GgufEdit put(String key, long value) {
        metadata.put(key, writer -> writer.putUint32(key, value));
        return this;
    }

    /** Sets a value of the metadata. */
    public GgufEdit put(String key, float value) {
        metadata.put(key, writer -> writer.putFloat32(key, value));
        return this;
    }

    /** Sets a value of the metadata. */
    public GgufEdit put(String key, String value) {
        metadata.put(key, writer -> writer.putString(key, value));
        return this;
    }

    /** Writes {@code source} with these changes to {@code target}. */
    public void apply(Path source, Path target) throws IOException {
        try (GgufFile file = GgufFile.open(source)) {
            GgufWriter writer = new GgufWriter().putAll(file.metadata());
            metadata.values().forEach(change -> change.accept(writer));
            for (String name : replaced.keySet()) {
                file.tensor(name); // must be there
            }
            for (GgufTensor tensor : file.tensors().values()) {
                if (!replaced.containsKey(tensor.name())) {
                    long[] dims = tensor.dims().stream().mapToLong(Long::longValue).toArray();
                    writer.addTensor(tensor.name(), tensor.type(), dims, out -> out.write(tensor.data()));
                } else if (replaced.get(tensor.name()) != null) {
                    addZeros(writer, tensor.name(), replaced.get(tensor.name()));
                }
            }
            added.forEach((name, tensor) -> addZeros(writer, name, tensor));
            writer.write(target);
        }
    }

    private static void addZeros(GgufWriter writer, String name, Replacement tensor) {
        long elements = Arrays.stream(tensor.dims).reduce(1, Math::multiplyExact);
        byte[] zeros = new byte[Math.toIntExact(tensor.type.bytes(elements))];
        writer.addTensor(
                name, tensor.type, tensor.dims, out -> out.write(MemorySegment.ofArray(zeros)));
    }
}
