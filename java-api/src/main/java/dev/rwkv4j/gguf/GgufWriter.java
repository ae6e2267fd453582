package dev.rwkv4j.gguf;

import dev.rwkv4j.internal.AtomicFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Writes GGUF files, version 3, little-endian, aligned to 32 bytes.
 *
 * <p>Metadata and descriptions of tensors are collected first; {@link #write} then asks for the tensors' data, one after
 * the other in the order in which they were added, and passes them on to the disk: memory does not grow with the size of
 * the file. The file appears under its name only when it is complete.
 *
 * {@snippet :
 * new GgufWriter()
 *         .putString("general.architecture", "rwkv7")
 *         .addTensor("output.weight", GgmlType.F32, new long[] {width, vocabulary}, out -> out.write(segment))
 *         .write(Path.of("model.gguf"));
 * }
 *
 * <p>Not for use by several threads at once.
 */
public final class GgufWriter {
    /** Where the data of a tensor come from. */
    @FunctionalInterface
    public interface TensorData {
        /**
         * Writes all data of the tensor, in any number of pieces.
         *
         * @param out receives the bytes, in the layout of the tensor's type
         * @throws IOException if they cannot be read or written
         */
        void writeTo(TensorOutput out) throws IOException;
    }

    /** Where the data of a tensor go. */
    @FunctionalInterface
    public interface TensorOutput {
        /**
         * Writes a piece.
         *
         * @param bytes the bytes, which may be reused as soon as this returns
         * @throws IOException if they cannot be written
         * @throws IllegalStateException if the tensor is shorter than all that was written for it
         */
        void write(MemorySegment bytes) throws IOException;
    }

    private record Value(GgufValueType type, MemorySegment encoded) {
    }

    private record Tensor(String name, GgmlType type, long[] dims, long bytes, TensorData data) {
    }

    private final Map<String, Value> metadata = new LinkedHashMap<>();
    private final List<Tensor> tensors = new ArrayList<>();
    private final Set<String> tensorNames = new HashSet<>();

    /** Makes a writer without metadata and tensors. */
    public GgufWriter() {
    }

    /**
     * Adds a text.
     *
     * @param key the key; a value that it has already is replaced where it stands
     * @param value the value
     * @return this
     * @throws IllegalArgumentException for an empty or too long key
     */
    public GgufWriter putString(String key, String value) {
        return put(key, GgufValueType.STRING, encodeString(value));
    }

    /**
     * Adds an unsigned 32-bit integer, the type that most numbers have in GGUF files.
     *
     * @param key the key; a value that it has already is replaced where it stands
     * @param value the value, 0 to 2³² − 1
     * @return this
     * @throws IllegalArgumentException for an empty or too long key or a value out of range
     */
    public GgufWriter putUint32(String key, long value) {
        if (value < 0 || value > 0xffff_ffffL) {
            throw new IllegalArgumentException(key + " is " + value + ", which does not fit into 32 bits without sign");
        }
        return put(key, GgufValueType.UINT32, buffer(Integer.BYTES).putInt((int) value).array());
    }

    /**
     * Adds a 32-bit float.
     *
     * @param key the key; a value that it has already is replaced where it stands
     * @param value the value
     * @return this
     * @throws IllegalArgumentException for an empty or too long key
     */
    public GgufWriter putFloat32(String key, float value) {
        return put(key, GgufValueType.FLOAT32, buffer(Float.BYTES).putFloat(value).array());
    }

    /**
     * Adds a truth value.
     *
     * @param key the key; a value that it has already is replaced where it stands
     * @param value the value
     * @return this
     * @throws IllegalArgumentException for an empty or too long key
     */
    public GgufWriter putBoolean(String key, boolean value) {
        return put(key, GgufValueType.BOOL, new byte[]{(byte) (value ? 1 : 0)});
    }

    /**
     * Adds an array of texts.
     *
     * @param key the key; a value that it has already is replaced where it stands
     * @param values the values
     * @return this
     * @throws IllegalArgumentException for an empty or too long key
     */
    public GgufWriter putStrings(String key, List<String> values) {
        ByteArrayOutputStream encoded = new ByteArrayOutputStream();
        encoded.writeBytes(encodeArrayHeader(GgufValueType.STRING, values.size()));
        for (String value : values) {
            encoded.writeBytes(encodeString(value));
        }
        return put(key, GgufValueType.ARRAY, encoded.toByteArray());
    }

    /**
     * Adds an array of signed 32-bit integers.
     *
     * @param key the key; a value that it has already is replaced where it stands
     * @param values the values
     * @return this
     * @throws IllegalArgumentException for an empty or too long key
     */
    public GgufWriter putInts(String key, int... values) {
        byte[] header = encodeArrayHeader(GgufValueType.INT32, values.length);
        ByteBuffer encoded = buffer(Math.addExact(header.length, Math.multiplyExact(values.length, Integer.BYTES)));
        encoded.put(header);
        encoded.asIntBuffer().put(values);
        return put(key, GgufValueType.ARRAY, encoded.array());
    }

    /**
     * Copies all metadata of another file, except its alignment.
     *
     * @param source metadata of a file that stays open until {@link #write} has returned
     * @return this
     */
    public GgufWriter putAll(GgufMetadata source) {
        return putAll(source, _ -> true);
    }

    /**
     * Copies metadata of another file, except its alignment.
     *
     * @param source metadata of a file that stays open until {@link #write} has returned
     * @param wanted which keys
     * @return this
     */
    public GgufWriter putAll(GgufMetadata source, Predicate<String> wanted) {
        for (String key : source.keys()) {
            if (!key.equals(GgufHeader.ALIGNMENT_KEY) && wanted.test(key)) {
                GgufMetadata.Entry entry = source.entry(key);
                metadata.put(key, new Value(entry.type(), entry.encoded()));
            }
        }
        return this;
    }

    /**
     * Adds a tensor.
     *
     * @param name its name, at most 63 bytes of UTF-8, given to no other tensor
     * @param type its type
     * @param dims its dimensions in elements, fastest first, one to four, none zero; the first a multiple of the type's
     *     block
     * @param data gives the data when the file is written
     * @return this
     * @throws IllegalArgumentException if name or dimensions are not as described
     * @throws ArithmeticException if its length is beyond 2⁶³
     */
    public GgufWriter addTensor(String name, GgmlType type, long[] dims, TensorData data) {
        int nameBytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (nameBytes == 0 || nameBytes > GgufHeader.MAX_NAME_BYTES) {
            throw new IllegalArgumentException("the name of tensor '" + name + "' has " + nameBytes
                    + " bytes, allowed are 1 to " + GgufHeader.MAX_NAME_BYTES);
        }
        if (dims.length < 1 || dims.length > GgufHeader.MAX_DIMENSIONS) {
            throw new IllegalArgumentException("tensor " + name + " has " + dims.length + " dimensions");
        }
        long elements = 1;
        for (long dim : dims) {
            if (dim <= 0) {
                throw new IllegalArgumentException("tensor " + name + " has a dimension of " + dim);
            }
            elements = Math.multiplyExact(elements, dim);
        }
        if (dims[0] % type.blockElements() != 0) {
            throw new IllegalArgumentException("tensor " + name + " has rows of " + dims[0]
                    + " elements, which is no multiple of the " + type.blockElements() + " in a block of " + type);
        }
        if (!tensorNames.add(name)) {
            throw new IllegalArgumentException("two tensors are named " + name);
        }
        tensors.add(new Tensor(name, type, dims.clone(), type.bytes(elements), data));
        return this;
    }

    /**
     * Writes the file.
     *
     * @param target where; a regular file that is there already is replaced once the new one is complete
     * @return the length of the file in bytes
     * @throws IOException if it cannot be written, for example because the disk is full, or a tensor's data cannot be
     *     read; then nothing of it is left and an older file is untouched
     * @throws IllegalStateException if a tensor's data are not as long as its type and dimensions say
     */
    public long write(Path target) throws IOException {
        try (AtomicFile file = AtomicFile.create(target)) {
            writeHeader(file);
            for (Tensor tensor : tensors) {
                writeTensor(file, tensor);
            }
            file.commit();
            return file.position();
        }
    }

    private static void writeTensor(AtomicFile file, Tensor tensor) throws IOException {
        long end = Math.addExact(file.position(), tensor.bytes);
        tensor.data.writeTo(bytes -> {
            if (bytes.byteSize() > end - file.position()) {
                throw new IllegalStateException(
                        "more than the " + tensor.bytes + " bytes of tensor " + tensor.name + " were given");
            }
            file.write(bytes);
        });
        if (file.position() != end) {
            throw new IllegalStateException("only " + (tensor.bytes - (end - file.position())) + " of the "
                    + tensor.bytes + " bytes of tensor " + tensor.name + " were given");
        }
        pad(file);
    }

    private void writeHeader(AtomicFile file) throws IOException {
        write(file, GgufHeader.MAGIC);
        write(file, encodeInt(GgufHeader.VERSION));
        write(file, encodeLong(tensors.size()));
        write(file, encodeLong(metadata.size()));
        for (Map.Entry<String, Value> entry : metadata.entrySet()) {
            write(file, encodeString(entry.getKey()));
            write(file, encodeInt(entry.getValue().type.id()));
            file.write(entry.getValue().encoded);
        }
        long offset = 0;
        for (Tensor tensor : tensors) {
            write(file, encodeString(tensor.name));
            write(file, encodeInt(tensor.dims.length));
            for (long dim : tensor.dims) {
                write(file, encodeLong(dim));
            }
            write(file, encodeInt(tensor.type.id()));
            write(file, encodeLong(offset));
            offset = align(Math.addExact(offset, tensor.bytes));
        }
        pad(file);
    }

    private static void write(AtomicFile file, byte[] bytes) throws IOException {
        file.write(MemorySegment.ofArray(bytes));
    }

    private static void pad(AtomicFile file) throws IOException {
        write(file, new byte[(int) (align(file.position()) - file.position())]);
    }

    private GgufWriter put(String key, GgufValueType type, byte[] encoded) {
        int keyBytes = key.getBytes(StandardCharsets.UTF_8).length;
        if (keyBytes == 0 || keyBytes > GgufHeader.MAX_KEY_BYTES) {
            throw new IllegalArgumentException(
                    "metadata key '" + key + "' has " + keyBytes + " bytes, allowed are 1 to "
                            + GgufHeader.MAX_KEY_BYTES);
        }
        if (key.equals(GgufHeader.ALIGNMENT_KEY)) {
            throw new IllegalArgumentException("the alignment is always " + GgufHeader.DEFAULT_ALIGNMENT);
        }
        metadata.put(key, new Value(type, MemorySegment.ofArray(encoded)));
        return this;
    }

    private static byte[] encodeString(String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        return buffer(Math.addExact(Long.BYTES, bytes.length)).putLong(bytes.length).put(bytes).array();
    }

    private static byte[] encodeArrayHeader(GgufValueType elementType, int count) {
        return buffer(Integer.BYTES + Long.BYTES).putInt(elementType.id()).putLong(count).array();
    }

    private static byte[] encodeInt(int value) {
        return buffer(Integer.BYTES).putInt(value).array();
    }

    private static byte[] encodeLong(long value) {
        return buffer(Long.BYTES).putLong(value).array();
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static long align(long position) {
        return GgufHeader.align(position, GgufHeader.DEFAULT_ALIGNMENT);
    }
}
