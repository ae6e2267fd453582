package dev.rwkv4j;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/** The format of saved states, which {@link RwkvState} describes. */
final class StateFormat {
    private static final byte[] MAGIC = "RWKV4JST".getBytes(StandardCharsets.US_ASCII);
    private static final int VERSION = 1;
    private static final int FINGERPRINT_BYTES = 32;
    private static final int HEADER_BYTES = MAGIC.length + 2 * Integer.BYTES + FINGERPRINT_BYTES + 2 * Long.BYTES;
    private static final int BUFFER_BYTES = 1 << 16;

    private final CRC32C checksum = new CRC32C();
    private final byte[] buffer = new byte[BUFFER_BYTES];

    private StateFormat() {
    }

    /**
     * What comes before the floats.
     *
     * @param fingerprint the model's, in hexadecimal digits
     * @param position how many tokens have been read
     */
    record Header(String fingerprint, long position) {
    }

    // ------------------------------------------------------------------ writing

    static void write(OutputStream out, Header header, MemorySegment floats) throws IOException {
        new StateFormat().writeAll(out, header, floats);
    }

    private void writeAll(OutputStream out, Header header, MemorySegment floats) throws IOException {
        ByteBuffer encoded = buffer(HEADER_BYTES).put(MAGIC).putInt(VERSION).putInt(0)
                .put(HexFormat.of().parseHex(header.fingerprint))
                .putLong(header.position)
                .putLong(floats.byteSize() / Float.BYTES);
        checksum.update(encoded.array());
        out.write(encoded.array());
        for (long done = 0; done < floats.byteSize();) {
            int piece = (int) Math.min(buffer.length, floats.byteSize() - done);
            MemorySegment.copy(floats, JAVA_BYTE, done, buffer, 0, piece);
            checksum.update(buffer, 0, piece);
            out.write(buffer, 0, piece);
            done += piece;
        }
        out.write(buffer(Integer.BYTES).putInt((int) checksum.getValue()).array());
    }

    // ------------------------------------------------------------------ reading

    /**
     * Reads a state.
     *
     * @param source what messages call it
     * @param fingerprint what it must have
     * @param floats receives the floats; as many as there must be
     * @return its position
     */
    static long read(InputStream in, String source, String fingerprint, MemorySegment floats) throws IOException {
        return new StateFormat().readAll(in, source, fingerprint, floats);
    }

    private long readAll(InputStream in, String source, String fingerprint, MemorySegment floats) throws IOException {
        ByteBuffer header = ByteBuffer.wrap(readBytes(in, source, HEADER_BYTES)).order(ByteOrder.LITTLE_ENDIAN);
        checksum.update(header.array());
        long position = checkHeader(header, source, fingerprint, floats.byteSize() / Float.BYTES);
        for (long done = 0; done < floats.byteSize();) {
            int piece = (int) Math.min(buffer.length, floats.byteSize() - done);
            require(in.readNBytes(buffer, 0, piece) == piece, source, "it is not complete");
            checksum.update(buffer, 0, piece);
            MemorySegment.copy(buffer, 0, floats, JAVA_BYTE, done, piece);
            done += piece;
        }
        int expected = ByteBuffer.wrap(readBytes(in, source, Integer.BYTES)).order(ByteOrder.LITTLE_ENDIAN).getInt();
        require(expected == (int) checksum.getValue(), source, "it is damaged: its checksum is wrong");
        return position;
    }

    private static long checkHeader(ByteBuffer header, String source, String fingerprint, long floats)
            throws IOException {
        byte[] magic = new byte[MAGIC.length];
        header.get(magic);
        require(Arrays.equals(magic, MAGIC), source, "it is no saved state of rwkv4j: it does not begin with RWKV4JST");
        int version = header.getInt();
        require(version == VERSION, source, "its version is " + version + ", expected " + VERSION);
        int reserved = header.getInt();
        require(reserved == 0, source, "it is damaged: the number at byte 12 is " + reserved + ", expected 0");
        byte[] print = new byte[FINGERPRINT_BYTES];
        header.get(print);
        require(HexFormat.of().formatHex(print).equals(fingerprint), source,
                "it is the state of another model: its fingerprint is " + HexFormat.of().formatHex(print)
                        + ", this model's " + fingerprint);
        long position = header.getLong();
        require(position >= 0, source, "it is damaged: its position is " + position);
        long count = header.getLong();
        require(count == floats, source, "it has " + count + " floats, expected " + floats);
        return position;
    }

    private static byte[] readBytes(InputStream in, String source, int count) throws IOException {
        byte[] bytes = in.readNBytes(count);
        require(bytes.length == count, source, "it is not complete");
        return bytes;
    }

    private static void require(boolean condition, String source, String problem) throws IOException {
        if (!condition) {
            throw new StateFormatException(source + ": " + problem);
        }
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
