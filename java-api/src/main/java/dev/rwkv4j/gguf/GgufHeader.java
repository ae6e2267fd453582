package dev.rwkv4j.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What stands before the tensor data of a GGUF file, parsed and validated. */
record GgufHeader(int version, GgufMetadata metadata, Map<String, GgufTensor> tensors) {
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    static final byte[] MAGIC = {'G', 'G', 'U', 'F'};
    static final int VERSION = 3;
    static final int DEFAULT_ALIGNMENT = 32;
    static final String ALIGNMENT_KEY = "general.alignment";

    /** ggml's limit for the name of a tensor, which there includes a terminating zero. */
    static final int MAX_NAME_BYTES = 63;

    static final int MAX_DIMENSIONS = 4;

    // What one file may make a small heap hold. Real files have some 30 keys and at most some 2000 tensors; what lies
    // in values and arrays stays in the mapping and costs nothing.
    static final int MAX_KEYS = 1 << 14;
    static final int MAX_KEY_BYTES = 1 << 10;
    static final int MAX_TENSORS = 1 << 16;

    // The format's own limits.
    static final long MAX_STRING_BYTES = 1L << 30;
    static final long MAX_ARRAY_ELEMENTS = 1L << 30;

    /** The shortest key and value, and the shortest description of a tensor, in bytes. */
    private static final int MIN_KEY_VALUE_BYTES = 13;

    private static final int MIN_TENSOR_BYTES = 24;

    static GgufHeader read(Path path, MemorySegment file) throws GgufFormatException {
        return new Parser(path, file).parse();
    }

    /**
     * A position in the file, moved only by reads that were checked against the bytes that are left.
     *
     * <p>Numbers are taken from a copy of the bytes around the position. A program has just started when it reads a
     * header, and until an access to a segment has been compiled it takes longer than copying thousands of bytes.
     */
    private static final class Parser {
        private static final int WINDOW_BYTES = 1 << 14;

        private final Path path;
        private final MemorySegment file;
        private final byte[] window;
        private long windowStart;
        private long windowEnd;
        private long position;

        Parser(Path path, MemorySegment file) {
            this.path = path;
            this.file = file;
            this.window = new byte[(int) Math.min(WINDOW_BYTES, file.byteSize())];
        }

        GgufHeader parse() throws GgufFormatException {
            checkMagic();
            int version = readVersion();
            long tensorCount = readCount("tensors", MIN_TENSOR_BYTES, MAX_TENSORS);
            long keyCount = readCount("metadata keys", MIN_KEY_VALUE_BYTES, MAX_KEYS);
            Map<String, GgufMetadata.Entry> entries = new LinkedHashMap<>();
            for (long i = 0; i < keyCount; i++) {
                readEntry(entries);
            }
            GgufMetadata metadata = new GgufMetadata(path, entries);
            return new GgufHeader(version, metadata, readTensors(tensorCount, alignment(metadata)));
        }

        private void checkMagic() throws GgufFormatException {
            if (file.byteSize() < MAGIC.length
                    || file.asSlice(0, MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) >= 0) {
                StringBuilder found = new StringBuilder();
                for (long i = 0; i < Math.min(MAGIC.length, file.byteSize()); i++) {
                    found.append(String.format(" %02x", file.get(JAVA_BYTE, i)));
                }
                throw new GgufFormatException(path, "not a GGUF file: it begins with" + found
                        + ", not with 47 47 55 46 (\"GGUF\"); checkpoints in other formats have to be converted first");
            }
            position = MAGIC.length;
        }

        private int readVersion() throws GgufFormatException {
            long at = position;
            int version = readInt("version");
            if (version == 1) {
                throw fail(at, "GGUF version 1 (with 32-bit counts) is not supported, only 2 and 3");
            }
            if (version != 0 && (version & 0xffff) == 0) {
                throw fail(at, "this is a big-endian GGUF file (version " + Integer.reverseBytes(version)
                        + "); only little-endian ones are supported");
            }
            if (version != 2 && version != 3) {
                throw fail(at, "GGUF version " + Integer.toUnsignedString(version) + " is not supported, only 2 and 3");
            }
            return version;
        }

        private long readCount(String what, int minBytes, int limit) throws GgufFormatException {
            long at = position;
            long count = readLong("number of " + what);
            if (count < 0 || count > left() / minBytes) {
                throw fail(at, Long.toUnsignedString(count) + " " + what + " do not fit into the " + left()
                        + " bytes that follow");
            }
            if (count > limit) {
                throw fail(at, count + " " + what + " are more than the " + limit + " that are supported");
            }
            return count;
        }

        private void readEntry(Map<String, GgufMetadata.Entry> entries) throws GgufFormatException {
            long at = position;
            String key = readName("metadata key", MAX_KEY_BYTES);
            GgufValueType type = readValueType("value of " + key);
            long start = position;
            GgufValueType elementType = type;
            long count = 1;
            if (type == GgufValueType.ARRAY) {
                elementType = readValueType("array " + key);
                if (elementType == GgufValueType.ARRAY) {
                    throw fail(start, "array " + key + " has arrays as elements, which GGUF files do not have");
                }
                count = readArrayCount(key, elementType);
            }
            long content = position;
            skipValues(key, elementType, count);
            GgufMetadata.Entry entry = new GgufMetadata.Entry(type, elementType, count,
                    file.asSlice(start, position - start), file.asSlice(content, position - content));
            if (entries.put(key, entry) != null) {
                throw fail(at, "metadata key " + key + " occurs twice");
            }
        }

        private GgufValueType readValueType(String what) throws GgufFormatException {
            long at = position;
            int id = readInt("type of " + what);
            GgufValueType type = GgufValueType.find(id);
            if (type == null) {
                throw fail(at, what + " has the unknown type " + Integer.toUnsignedString(id));
            }
            return type;
        }

        private long readArrayCount(String key, GgufValueType elementType) throws GgufFormatException {
            long at = position;
            long count = readLong("length of array " + key);
            int minBytes = elementType == GgufValueType.STRING ? Long.BYTES : elementType.bytes();
            if (count < 0 || count > MAX_ARRAY_ELEMENTS || count > left() / minBytes) {
                throw fail(at,
                        "array " + key + " of " + Long.toUnsignedString(count) + " elements does not fit into the "
                                + left() + " bytes that follow");
            }
            return count;
        }

        private void skipValues(String key, GgufValueType type, long count) throws GgufFormatException {
            if (type != GgufValueType.STRING) {
                need(count * type.bytes(), "value of " + key);
                position += count * type.bytes();
                return;
            }
            String what = "value of " + key;
            for (long i = 0; i < count; i++) {
                long length = readStringLength(what, MAX_STRING_BYTES);
                position += length;
            }
        }

        private int alignment(GgufMetadata metadata) throws GgufFormatException {
            long alignment = metadata.getLong(ALIGNMENT_KEY, DEFAULT_ALIGNMENT);
            if (alignment <= 0 || alignment > 1 << 30 || Long.bitCount(alignment) != 1) {
                throw new GgufFormatException(path, ALIGNMENT_KEY + " is " + alignment + ", expected a power of two");
            }
            return (int) alignment;
        }

        /** Offsets count from the start of the data, which is only known when all descriptions have been read. */
        private Map<String, GgufTensor> readTensors(long count, int alignment) throws GgufFormatException {
            List<Description> descriptions = new ArrayList<>();
            long expectedOffset = 0;
            for (long i = 0; i < count; i++) {
                Description tensor = readDescription();
                if (tensor.offset != expectedOffset) {
                    throw fail(tensor.offsetAt, "data of tensor " + tensor.name + " begin at offset "
                            + Long.toUnsignedString(tensor.offset) + ", expected " + expectedOffset
                            + " (where the padded tensor before ends)");
                }
                // Within the file, lengths cannot overflow; what is beyond it is refused before it is added up.
                if (tensor.bytes > file.byteSize() || expectedOffset > file.byteSize()) {
                    throw fail(tensor.offsetAt, "tensor " + tensor.name + " of " + tensor.bytes + " bytes at offset "
                            + expectedOffset + " does not fit into the file of " + file.byteSize() + " bytes");
                }
                expectedOffset = align(tensor.offset + tensor.bytes, alignment);
                descriptions.add(tensor);
            }
            long dataStart = align(position, alignment);
            Map<String, GgufTensor> tensors = new LinkedHashMap<>();
            for (Description tensor : descriptions) {
                long start = dataStart + tensor.offset;
                if (start > file.byteSize() || tensor.bytes > file.byteSize() - start) {
                    throw fail(tensor.offsetAt, "data of tensor " + tensor.name + " lie at bytes " + start + " to "
                            + (start + tensor.bytes) + ", past the end of the file at " + file.byteSize()
                            + ": it is incomplete");
                }
                MemorySegment data = file.asSlice(start, tensor.bytes);
                if (tensors.put(tensor.name, new GgufTensor(tensor.name, tensor.type, tensor.dims, data)) != null) {
                    throw fail(tensor.offsetAt, "tensor " + tensor.name + " occurs twice");
                }
            }
            return tensors;
        }

        private record Description(String name, GgmlType type, List<Long> dims, long bytes, long offset,
                long offsetAt) {
        }

        private Description readDescription() throws GgufFormatException {
            String name = readName("tensor name", MAX_NAME_BYTES);
            String what = "tensor " + name;
            long at = position;
            int dimensionCount = readInt("number of dimensions of " + what);
            if (dimensionCount < 1 || dimensionCount > MAX_DIMENSIONS) {
                throw fail(at, what + " has " + Integer.toUnsignedString(dimensionCount)
                        + " dimensions, expected 1 to " + MAX_DIMENSIONS);
            }
            List<Long> dims = new ArrayList<>();
            long elements = 1;
            for (int i = 0; i < dimensionCount; i++) {
                at = position;
                long dim = readLong("dimension of " + what);
                if (dim <= 0 || dim > Long.MAX_VALUE / elements) {
                    throw fail(at, "dimension " + i + " of " + what + " is " + Long.toUnsignedString(dim)
                            + ", which makes no valid number of elements");
                }
                elements *= dim;
                dims.add(dim);
            }
            GgmlType type = readTensorType(what);
            if (dims.getFirst() % type.blockElements() != 0) {
                throw fail(at, what + " has rows of " + dims.getFirst() + " elements, which is no multiple of the "
                        + type.blockElements() + " in a block of " + type);
            }
            long blocks = elements / type.blockElements();
            if (blocks > Long.MAX_VALUE / type.blockBytes()) {
                throw fail(at, what + " has " + elements + " elements, whose length in bytes is beyond 2^63");
            }
            long offsetAt = position;
            return new Description(name, type, dims, blocks * type.blockBytes(), readLong("offset of " + what),
                    offsetAt);
        }

        private GgmlType readTensorType(String what) throws GgufFormatException {
            long at = position;
            int id = readInt("type of " + what);
            return GgmlType.find(id).orElseThrow(
                    () -> fail(at, what + " has the unknown element type " + Integer.toUnsignedString(id)));
        }

        private int readInt(String what) throws GgufFormatException {
            need(Integer.BYTES, what);
            return (int) take(Integer.BYTES);
        }

        private long readLong(String what) throws GgufFormatException {
            need(Long.BYTES, what);
            return take(Long.BYTES);
        }

        /** A little-endian number of bytes that are there. */
        private long take(int bytes) {
            if (position + bytes > windowEnd) {
                windowStart = position;
                windowEnd = Math.min(position + window.length, file.byteSize());
                MemorySegment.copy(file, JAVA_BYTE, windowStart, window, 0, (int) (windowEnd - windowStart));
            }
            long value = number(window, (int) (position - windowStart), bytes);
            position += bytes;
            return value;
        }

        /** Reads the length of a string and checks that the string is there. */
        private long readStringLength(String what, long limit) throws GgufFormatException {
            long at = position;
            if (left() < Long.BYTES) {
                throw endsWithin("length of " + what, Long.BYTES);
            }
            long length = take(Long.BYTES);
            if (length < 0 || length > left()) {
                throw fail(at, what + ": a string of " + Long.toUnsignedString(length)
                        + " bytes does not fit into the " + left() + " bytes that follow");
            }
            if (length > limit) {
                throw fail(at, what + " is " + length + " bytes long, allowed are " + limit);
            }
            return length;
        }

        private String readName(String what, int limit) throws GgufFormatException {
            long at = position;
            long length = readStringLength(what, limit);
            if (length == 0) {
                throw fail(at, "empty " + what);
            }
            byte[] bytes = file.asSlice(position, length).toArray(JAVA_BYTE);
            position += length;
            try {
                return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
            } catch (CharacterCodingException e) {
                throw fail(at, what + " is not valid UTF-8");
            }
        }

        private long left() {
            return file.byteSize() - position;
        }

        private void need(long bytes, String what) throws GgufFormatException {
            if (bytes > left()) {
                throw endsWithin(what, bytes);
            }
        }

        private GgufFormatException endsWithin(String what, long bytes) {
            return fail(position, "the file ends within the " + what + ": " + bytes + " bytes are needed, " + left()
                    + " are left");
        }

        private GgufFormatException fail(long offset, String problem) {
            return new GgufFormatException(path, offset, problem);
        }
    }

    /** Some bytes in little-endian order as a number without sign. */
    static long number(byte[] bytes, int from, int count) {
        long value = 0;
        for (int i = from + count - 1; i >= from; i--) {
            value = value << Byte.SIZE | bytes[i] & 0xff;
        }
        return value;
    }

    static long align(long position, int alignment) {
        return (position + alignment - 1) & -(long) alignment;
    }
}
