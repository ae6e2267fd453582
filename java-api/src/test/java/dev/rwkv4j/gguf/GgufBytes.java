package dev.rwkv4j.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Puts the bytes of a GGUF file together by hand, also of one that lies. Notes where each field begins. */
final class GgufBytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final List<Integer> fields = new ArrayList<>();

    static GgufBytes header(int version, long tensors, long keys) {
        return new GgufBytes().raw('G', 'G', 'U', 'F').int32(version).int64(tensors).int64(keys);
    }

    /** Two keys and two tensors: F32 {3} and Q8_0 {32, 2}. */
    static GgufBytes small() {
        GgufBytes bytes = header(3, 2, 2).key("general.architecture", 8).string("rwkv7").key("words", 9)
                .int32(8).int64(2).string("a").string("b")
                .tensor("first", 0, 0, 3).tensor("second", 8, 32, 32, 2).pad(32);
        return bytes.zeros(12).pad(32).zeros(68).pad(32);
    }

    GgufBytes raw(int... values) {
        fields.add(out.size());
        for (int value : values) {
            out.write(value);
        }
        return this;
    }

    GgufBytes int32(int value) {
        fields.add(out.size());
        out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
        return this;
    }

    GgufBytes int64(long value) {
        fields.add(out.size());
        out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
        return this;
    }

    GgufBytes string(String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        int64(bytes.length);
        fields.add(out.size());
        out.writeBytes(bytes);
        return this;
    }

    GgufBytes key(String name, int type) {
        return string(name).int32(type);
    }

    GgufBytes tensor(String name, int type, long offset, long... dims) {
        string(name).int32(dims.length);
        for (long dim : dims) {
            int64(dim);
        }
        return int32(type).int64(offset);
    }

    GgufBytes zeros(int count) {
        fields.add(out.size());
        out.writeBytes(new byte[count]);
        return this;
    }

    GgufBytes pad(int alignment) {
        return zeros(Math.floorMod(-out.size(), alignment));
    }

    byte[] toByteArray() {
        return out.toByteArray();
    }

    /** Where the fields begin, in bytes from the start. */
    List<Integer> fields() {
        return fields;
    }

    Path writeTo(Path file) throws IOException {
        return Files.write(file, toByteArray());
    }
}
