package dev.rwkv4j.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The metadata of an open {@link GgufFile}: an ordered, immutable map from keys to typed values.
 *
 * <p>Values stay in the mapped file and are decoded when they are asked for, so that a vocabulary of 65536 strings costs
 * no memory until somebody wants it; after the file was closed, asking throws {@link IllegalStateException}. Any thread.
 *
 * <p>Integers are converted between widths and signs, floats between widths; anything else that does not fit the type
 * asked for is a {@link GgufFormatException} that names the file, the key, and the types found and expected.
 */
public final class GgufMetadata {
    /**
     * @param type the type of the value
     * @param elementType for arrays the type of the elements, else the same as {@code type}
     * @param count for arrays the number of elements, else 1
     * @param encoded all that follows the type in the file
     * @param content of this, all but an array's element type and count
     */
    record Entry(GgufValueType type, GgufValueType elementType, long count, MemorySegment encoded,
            MemorySegment content) {
    }

    /** The longest array that every Java machine can make. */
    private static final int MAX_ARRAY_BYTES = Integer.MAX_VALUE - 8;

    private final Path path;
    private final Map<String, Entry> entries;

    GgufMetadata(Path path, Map<String, Entry> entries) {
        this.path = path;
        this.entries = Collections.unmodifiableMap(entries);
    }

    /** {@return the path of the file, for messages} */
    public Path path() {
        return path;
    }

    /** {@return all keys, in the order of the file} */
    public Set<String> keys() {
        return entries.keySet();
    }

    /**
     * Whether there is a value.
     *
     * @param key a key
     * @return whether the file has it
     */
    public boolean contains(String key) {
        return entries.containsKey(key);
    }

    /**
     * A value of any type, for showing.
     *
     * @param key a key
     * @return a {@link String}, {@link Boolean}, {@link Integer}, {@link Long}, {@link BigInteger} (for unsigned 64-bit
     *     values beyond 2⁶³), {@link Float} or {@link Double}, or an unmodifiable {@link List} of one of these
     * @throws GgufFormatException if the key is missing
     */
    public Object get(String key) throws GgufFormatException {
        Entry entry = require(key);
        if (entry.type != GgufValueType.ARRAY) {
            return decode(entry.elementType, entry.content, 0);
        }
        List<Object> values = new ArrayList<>();
        long position = 0;
        for (long i = 0; i < entry.count; i++) {
            values.add(decode(entry.elementType, entry.content, position));
            position += encodedBytes(entry.elementType, entry.content, position);
        }
        return Collections.unmodifiableList(values);
    }

    /**
     * The type of a value.
     *
     * @param key a key
     * @return its type
     * @throws GgufFormatException if the key is missing
     */
    public GgufValueType type(String key) throws GgufFormatException {
        return require(key).type;
    }

    /**
     * The number of elements of an array, without decoding it.
     *
     * @param key a key
     * @return the number of elements
     * @throws GgufFormatException if the key is missing or the value is no array
     */
    public long arrayLength(String key) throws GgufFormatException {
        Entry entry = require(key);
        if (entry.type != GgufValueType.ARRAY) {
            throw mismatch(key, entry, "an array");
        }
        return entry.count;
    }

    /**
     * A text. Bytes that are not valid UTF-8 become U+FFFD.
     *
     * @param key a key
     * @return the text
     * @throws GgufFormatException if the key is missing or the value is no string
     */
    public String getString(String key) throws GgufFormatException {
        Entry entry = require(key);
        if (entry.type != GgufValueType.STRING) {
            throw mismatch(key, entry, "a string");
        }
        return decodeString(entry.content, 0);
    }

    /**
     * A text that may be missing.
     *
     * @param key a key
     * @param absent what to return if the key is missing
     * @return the text
     * @throws GgufFormatException if the value is no string
     */
    public String getString(String key, String absent) throws GgufFormatException {
        return contains(key) ? getString(key) : absent;
    }

    /**
     * An integer.
     *
     * @param key a key
     * @return the value
     * @throws GgufFormatException if the key is missing or the value is no integer in the range of a {@code long}
     */
    public long getLong(String key) throws GgufFormatException {
        Entry entry = require(key);
        return switch (entry.type) {
            case STRING, ARRAY, BOOL, FLOAT32, FLOAT64 -> throw mismatch(key, entry, "an integer");
            default -> {
                Number value = (Number) decode(entry.type, entry.content, 0);
                if (value instanceof BigInteger) {
                    throw new GgufFormatException(path,
                            "metadata key " + key + " is " + value + ", which is beyond 2^63");
                }
                yield value.longValue();
            }
        };
    }

    /**
     * An integer that may be missing.
     *
     * @param key a key
     * @param absent what to return if the key is missing
     * @return the value
     * @throws GgufFormatException if the value is no integer in the range of a {@code long}
     */
    public long getLong(String key, long absent) throws GgufFormatException {
        return contains(key) ? getLong(key) : absent;
    }

    /**
     * An integer.
     *
     * @param key a key
     * @return the value
     * @throws GgufFormatException if the key is missing or the value is no integer in the range of an {@code int}
     */
    public int getInt(String key) throws GgufFormatException {
        long value = getLong(key);
        if (value != (int) value) {
            throw new GgufFormatException(path, "metadata key " + key + " is " + value + ", expected at most "
                    + Integer.MAX_VALUE);
        }
        return (int) value;
    }

    /**
     * An integer that may be missing.
     *
     * @param key a key
     * @param absent what to return if the key is missing
     * @return the value
     * @throws GgufFormatException if the value is no integer in the range of an {@code int}
     */
    public int getInt(String key, int absent) throws GgufFormatException {
        return contains(key) ? getInt(key) : absent;
    }

    /**
     * A number with a fraction.
     *
     * @param key a key
     * @return the value
     * @throws GgufFormatException if the key is missing or the value is not of a float type
     */
    public float getFloat(String key) throws GgufFormatException {
        Entry entry = require(key);
        return switch (entry.type) {
            case FLOAT32, FLOAT64 -> ((Number) decode(entry.type, entry.content, 0)).floatValue();
            default -> throw mismatch(key, entry, "a float");
        };
    }

    /**
     * A number with a fraction that may be missing.
     *
     * @param key a key
     * @param absent what to return if the key is missing
     * @return the value
     * @throws GgufFormatException if the value is not of a float type
     */
    public float getFloat(String key, float absent) throws GgufFormatException {
        return contains(key) ? getFloat(key) : absent;
    }

    /**
     * A truth value.
     *
     * @param key a key
     * @return the value
     * @throws GgufFormatException if the key is missing or the value is no boolean
     */
    public boolean getBoolean(String key) throws GgufFormatException {
        Entry entry = require(key);
        if (entry.type != GgufValueType.BOOL) {
            throw mismatch(key, entry, "a boolean");
        }
        return entry.content.get(JAVA_BYTE, 0) != 0;
    }

    /**
     * A truth value that may be missing.
     *
     * @param key a key
     * @param absent what to return if the key is missing
     * @return the value
     * @throws GgufFormatException if the value is no boolean
     */
    public boolean getBoolean(String key, boolean absent) throws GgufFormatException {
        return contains(key) ? getBoolean(key) : absent;
    }

    /**
     * An array of texts. Bytes that are not valid UTF-8 become U+FFFD.
     *
     * @param key a key
     * @return the texts; unmodifiable, decoded anew at each call
     * @throws GgufFormatException if the key is missing or the value is no array of strings
     */
    public List<String> getStrings(String key) throws GgufFormatException {
        List<String> strings = new ArrayList<>();
        for (byte[] bytes : getStringBytes(key)) {
            strings.add(new String(bytes, StandardCharsets.UTF_8));
        }
        return Collections.unmodifiableList(strings);
    }

    /**
     * An array of texts as the file has it: not decoded, and not checked to be UTF-8.
     *
     * @param key a key
     * @return the bytes of each text, the caller's
     * @throws GgufFormatException if the key is missing, the value is no array of strings, or too long for an array
     */
    public byte[][] getStringBytes(String key) throws GgufFormatException {
        Entry entry = requireArray(key, "an array of strings", GgufValueType.STRING);
        if (entry.content.byteSize() > MAX_ARRAY_BYTES) {
            throw new GgufFormatException(path, "metadata key " + key + " has " + entry.content.byteSize()
                    + " bytes, supported are " + MAX_ARRAY_BYTES);
        }
        // All at once: a vocabulary is read while its program starts, when each access to a segment is slow.
        byte[] content = entry.content.toArray(JAVA_BYTE);
        byte[][] strings = new byte[(int) entry.count][];
        int position = 0;
        for (int i = 0; i < strings.length; i++) {
            int begin = position + Long.BYTES;
            position = begin + (int) GgufHeader.number(content, position, Long.BYTES);
            strings[i] = Arrays.copyOfRange(content, begin, position);
        }
        return strings;
    }

    /**
     * An array of 32-bit integers.
     *
     * @param key a key
     * @return the values, the caller's
     * @throws GgufFormatException if the key is missing or the value is no array of 32-bit integers
     */
    public int[] getInts(String key) throws GgufFormatException {
        return requireArray(key, "an array of 32-bit integers", GgufValueType.INT32, GgufValueType.UINT32).content
                .toArray(GgufHeader.INT);
    }

    /**
     * An array of 32-bit floats.
     *
     * @param key a key
     * @return the values, the caller's
     * @throws GgufFormatException if the key is missing or the value is no array of 32-bit floats
     */
    public float[] getFloats(String key) throws GgufFormatException {
        return requireArray(key, "an array of 32-bit floats", GgufValueType.FLOAT32).content.toArray(GgufHeader.FLOAT);
    }

    /** What a writer needs to copy a value as it is. */
    Entry entry(String key) {
        return entries.get(key);
    }

    private Entry require(String key) throws GgufFormatException {
        Entry entry = entries.get(key);
        if (entry == null) {
            throw new GgufFormatException(path, "metadata key " + key + " is missing");
        }
        return entry;
    }

    private Entry requireArray(String key, String expected, GgufValueType... elementTypes) throws GgufFormatException {
        Entry entry = require(key);
        if (entry.type != GgufValueType.ARRAY || !List.of(elementTypes).contains(entry.elementType)) {
            throw mismatch(key, entry, expected);
        }
        return entry;
    }

    private GgufFormatException mismatch(String key, Entry entry, String expected) {
        String found = entry.type == GgufValueType.ARRAY ? "an array of " + entry.elementType : "a " + entry.type;
        return new GgufFormatException(path, "metadata key " + key + " is " + found + ", expected " + expected);
    }

    private static long encodedBytes(GgufValueType type, MemorySegment content, long position) {
        return type == GgufValueType.STRING ? Long.BYTES + number(content, position, Long.BYTES) : type.bytes();
    }

    private static String decodeString(MemorySegment content, long position) {
        long length = number(content, position, Long.BYTES);
        byte[] bytes = content.asSlice(position + Long.BYTES, length).toArray(JAVA_BYTE);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static Object decode(GgufValueType type, MemorySegment content, long position) {
        long bits = number(content, position, type.bytes());
        return switch (type) {
            case UINT8, UINT16 -> (int) bits;
            case INT8 -> (int) (byte) bits;
            case INT16 -> (int) (short) bits;
            case UINT32, INT64 -> bits;
            case INT32 -> (int) bits;
            case UINT64 -> unsigned(bits);
            case FLOAT32 -> Float.intBitsToFloat((int) bits);
            case FLOAT64 -> Double.longBitsToDouble(bits);
            case BOOL -> bits != 0;
            case STRING -> decodeString(content, position);
            case ARRAY -> throw new AssertionError("the reader lets no array of arrays pass");
        };
    }

    private static long number(MemorySegment content, long position, int bytes) {
        return GgufHeader.number(content.asSlice(position, bytes).toArray(JAVA_BYTE), 0, bytes);
    }

    private static Object unsigned(long value) {
        return value >= 0 ? (Object) value : new BigInteger(Long.toUnsignedString(value));
    }
}
