package dev.rwkv4j.gguf;

/** The types of metadata values, in the order of their numbers in a file. */
public enum GgufValueType {
    /** Unsigned, 8 bits. */
    UINT8(1),
    /** Signed, 8 bits. */
    INT8(1),
    /** Unsigned, 16 bits. */
    UINT16(2),
    /** Signed, 16 bits. */
    INT16(2),
    /** Unsigned, 32 bits. */
    UINT32(4),
    /** Signed, 32 bits. */
    INT32(4),
    /** IEEE binary32. */
    FLOAT32(4),
    /** One byte; zero is false. */
    BOOL(1),
    /** UTF-8 with a length in bytes. */
    STRING(0),
    /** Many values of one type. */
    ARRAY(0),
    /** Unsigned, 64 bits. */
    UINT64(8),
    /** Signed, 64 bits. */
    INT64(8),
    /** IEEE binary64. */
    FLOAT64(8);

    private static final GgufValueType[] BY_ID = values();

    private final int bytes;

    GgufValueType(int bytes) {
        this.bytes = bytes;
    }

    /** The length of one value in bytes; 0 where values differ in length. */
    int bytes() {
        return bytes;
    }

    /** The number that stands for this type in a file. */
    int id() {
        return ordinal();
    }

    /** The type with a number, or null. */
    static GgufValueType find(int id) {
        return id >= 0 && id < BY_ID.length ? BY_ID[id] : null;
    }
}
