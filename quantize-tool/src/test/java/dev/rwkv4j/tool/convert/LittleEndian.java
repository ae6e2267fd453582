package dev.rwkv4j.tool.convert;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Puts numbers and texts one after the other. */
final class LittleEndian {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    int size() {
        return bytes.size();
    }

    byte[] toByteArray() {
        return bytes.toByteArray();
    }

    LittleEndian u1(int value) {
        bytes.write(value);
        return this;
    }

    LittleEndian u2(int value) {
        return raw(buffer(Short.BYTES).putShort((short) value).array());
    }

    LittleEndian i4(long value) {
        return raw(buffer(Integer.BYTES).putInt((int) value).array());
    }

    LittleEndian i8(long value) {
        return raw(buffer(Long.BYTES).putLong(value).array());
    }

    LittleEndian text(String value) {
        return raw(value.getBytes(StandardCharsets.UTF_8));
    }

    LittleEndian raw(byte... value) {
        bytes.writeBytes(value);
        return this;
    }

    LittleEndian floats(float... values) {
        ByteBuffer buffer = buffer(values.length * Float.BYTES);
        buffer.asFloatBuffer().put(values);
        return raw(buffer.array());
    }

    LittleEndian doubles(double... values) {
        ByteBuffer buffer = buffer(values.length * Double.BYTES);
        buffer.asDoubleBuffer().put(values);
        return raw(buffer.array());
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
