package dev.rwkv4j.tool.convert;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A position in a part of a mapped file, moved only by reads that were checked against the end. Little-endian. */
final class FileCursor {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path path;
    private final MemorySegment file;
    private final long end;
    private long position;

    /**
     * @param path named in messages
     * @param file all of the file
     * @param position where to begin, 0 to {@code end}
     * @param end where to end, at most the length of the file
     */
    FileCursor(Path path, MemorySegment file, long position, long end) {
        this.path = path;
        this.file = file;
        this.position = position;
        this.end = end;
    }

    long position() {
        return position;
    }

    long left() {
        return end - position;
    }

    int u1(String what) throws CheckpointFormatException {
        return Byte.toUnsignedInt(file.get(ValueLayout.JAVA_BYTE, advance(Byte.BYTES, what)));
    }

    int u2(String what) throws CheckpointFormatException {
        return Short.toUnsignedInt(file.get(SHORT, advance(Short.BYTES, what)));
    }

    int i4(String what) throws CheckpointFormatException {
        return file.get(INT, advance(Integer.BYTES, what));
    }

    long u4(String what) throws CheckpointFormatException {
        return Integer.toUnsignedLong(i4(what));
    }

    long i8(String what) throws CheckpointFormatException {
        return file.get(LONG, advance(Long.BYTES, what));
    }

    void skip(long bytes, String what) throws CheckpointFormatException {
        advance(bytes, what);
    }

    /** The next bytes, where they lie. */
    MemorySegment take(long bytes, String what) throws CheckpointFormatException {
        return file.asSlice(advance(bytes, what), bytes);
    }

    String utf8(int bytes, String what) throws CheckpointFormatException {
        long at = position;
        byte[] encoded = take(bytes, what).toArray(ValueLayout.JAVA_BYTE);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(encoded)).toString();
        } catch (CharacterCodingException e) {
            throw fail(at, what + " is not valid UTF-8");
        }
    }

    /** A number of bytes below 0 or beyond the end is refused. */
    private long advance(long bytes, String what) throws CheckpointFormatException {
        if (bytes < 0 || bytes > left()) {
            throw fail(position, what + " takes " + Long.toUnsignedString(bytes) + " bytes, but only " + left()
                    + " are left; the file is damaged or incomplete");
        }
        long at = position;
        position += bytes;
        return at;
    }

    CheckpointFormatException fail(long at, String problem) {
        return new CheckpointFormatException(path, at, problem);
    }
}
