package dev.rwkv4j.tool.convert;

import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;

/** Makes safetensors files. */
final class SafetensorsBytes {
    private SafetensorsBytes() {
    }

    /** Float32 tensors, one after the other. */
    static byte[] of(Map<String, Values> tensors) {
        StringBuilder header = new StringBuilder("{\"__metadata__\":{\"format\":\"pt\"}");
        LittleEndian data = new LittleEndian();
        tensors.forEach((name, values) -> {
            int begin = data.size();
            data.floats(values.data());
            header.append(',').append(entry(name, "F32", Arrays.toString(values.shape()), begin, data.size()));
        });
        return file(header.append('}').toString(), data.toByteArray());
    }

    /** A member of a header. */
    static String entry(String name, String type, String shape, Object begin, Object end) {
        return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":[" + begin + ","
                + end + "]}";
    }

    static byte[] file(String header, byte... data) {
        return file(header.getBytes(StandardCharsets.UTF_8).length, header, data);
    }

    /** With any number for the length of the header. */
    static byte[] file(long headerBytes, String header, byte... data) {
        return new LittleEndian().i8(headerBytes).text(header).raw(data).toByteArray();
    }
}
