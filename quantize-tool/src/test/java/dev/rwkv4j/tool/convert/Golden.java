package dev.rwkv4j.tool.convert;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;

/** Models, and files of llama.cpp, of the data that tests may use where they are at hand. */
final class Golden {
    private Golden() {
    }

    /** Skips the test where the data are absent. */
    static Path file(String name) {
        String data = System.getenv("RWKV4J_DATA");
        Assumptions.assumeTrue(data != null, "RWKV4J_DATA does not say where the test data are");
        Path file = Path.of(data).resolve(name);
        Assumptions.assumeTrue(Files.exists(file), file + " does not exist");
        return file;
    }

    /** The float32 tensors of a model, read from its safetensors file as simply as possible. */
    static Map<String, Values> model(String name) throws IOException {
        ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(file("golden/" + name + ".safetensors")))
                .order(ByteOrder.LITTLE_ENDIAN);
        int headerBytes = (int) file.getLong();
        JsonObject header = JsonParser
                .parseString(new String(file.array(), Long.BYTES, headerBytes, StandardCharsets.UTF_8))
                .getAsJsonObject();
        header.remove("__metadata__");
        Map<String, Values> tensors = new LinkedHashMap<>();
        for (String tensor : header.keySet()) {
            JsonObject entry = header.getAsJsonObject(tensor);
            if (!entry.get("dtype").getAsString().equals("F32")) {
                throw new IllegalArgumentException(name + " is not float32");
            }
            JsonArray offsets = entry.getAsJsonArray("data_offsets");
            int begin = Long.BYTES + headerBytes + offsets.get(0).getAsInt();
            float[] data = new float[(offsets.get(1).getAsInt() - offsets.get(0).getAsInt()) / Float.BYTES];
            file.position(begin).slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(data);
            long[] shape = entry.getAsJsonArray("shape").asList().stream().mapToLong(n -> n.getAsLong()).toArray();
            tensors.put(tensor, new Values(shape, data));
        }
        return tensors;
    }
}
