package dev.rwkv4j.endtoend;

import static dev.rwkv4j.testdata.Difference.argmax;
import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.RwkvState;
import dev.rwkv4j.testdata.CommandLine;
import dev.rwkv4j.testdata.CommandLine.Result;
import dev.rwkv4j.testdata.SmallModels;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A tuned initial state, from the checkpoint to the text. */
class TunedStateTest {
    private static final int WIDTH = SmallModels.WIDTH;
    private static final int HEAD_SIZE = SmallModels.HEAD_SIZE;
    private static final int LAYER_FLOATS = WIDTH * HEAD_SIZE + 2 * WIDTH;
    private static final String PROMPT = "c";
    private static final int TOKENS = 12;

    @TempDir
    private Path folder;

    @Test
    void generationBeginsWithIt() throws Exception {
        Path file = SmallModels.write(folder, Version.V7);
        float[] tuned;
        String expected;
        try (RwkvModel model = RwkvModel.load(file)) {
            tuned = matricesAfterSomeText(model);
            expected = generated(model, tuned);
            assertThat(generated(model, new float[tuned.length])).isNotEqualTo(expected);
        }
        writeSafetensors(folder.resolve("tuned.safetensors"), tuned);
        good("convert", "tuned.safetensors", "tuned.state", "--model", file.toString());
        Result result = good("generate", "-m", file.toString(), "--state", "tuned.state", "-p", PROMPT, "-n",
                Integer.toString(TOKENS), "--temperature", "0");
        assertThat(result.text()).isEqualTo(expected);
    }

    @Test
    void whatDoesNotFitIsRefused() throws Exception {
        Path file = SmallModels.write(folder, Version.V7);
        Path without = SmallModels.write(folder, Version.V4);
        writeSafetensors(folder.resolve("tuned.safetensors"), new float[3 * LAYER_FLOATS]);
        refused(1, "blocks.2.att.time_state, and the model has only 2 layers", "tuned.safetensors", "tuned.state",
                "--model", file.toString());
        refused(1, "RWKV-4", "tuned.safetensors", "tuned.state", "--model", without.toString());
        refused(1, "there is no tensor blocks.0.att.time_state", without.toString(), "tuned.state", "--model",
                file.toString());
        refused(1, "--model", "tuned.safetensors", "tuned.gguf");
        refused(1, "is one of the files that are to be read", "tuned.safetensors", file.toString(), "--force",
                "--model", file.toString());
        refused(2, "exclude each other", "tuned.safetensors", "tuned.state", "--model", file.toString(), "--type=F16");
    }

    /** A state without the shift vectors, which tuning does not make. */
    private static float[] matricesAfterSomeText(RwkvModel model) {
        try (RwkvSession session = model.newSession()) {
            session.feed("some text");
            try (RwkvState state = session.state()) {
                float[] values = state.toArray();
                for (int begin = 0; begin < values.length; begin += LAYER_FLOATS) {
                    Arrays.fill(values, begin, begin + WIDTH, 0);
                    Arrays.fill(values, begin + LAYER_FLOATS - WIDTH, begin + LAYER_FLOATS, 0);
                }
                return values;
            }
        }
    }

    private static String generated(RwkvModel model, float[] initial) {
        try (RwkvState state = model.newState(); RwkvSession session = model.newSession()) {
            state.set(initial);
            session.restore(state);
            session.feed(PROMPT);
            ByteBuffer bytes = ByteBuffer.allocate(TOKENS);
            for (int i = 0; i < TOKENS; i++) {
                int token = argmax(session.logits());
                bytes.put((byte) token);
                session.feed(token);
            }
            return new String(bytes.array(), StandardCharsets.UTF_8);
        }
    }

    /** As web-rwkv's converter writes them: the last two dimensions, value and key, are swapped. */
    private static void writeSafetensors(Path file, float[] state) throws IOException {
        int bytes = WIDTH * HEAD_SIZE * Float.BYTES;
        StringBuilder header = new StringBuilder();
        ByteBuffer data = ByteBuffer.allocate(state.length / LAYER_FLOATS * bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int layer = 0; layer < state.length / LAYER_FLOATS; layer++) {
            header.append(layer == 0 ? '{' : ',').append(("\"blocks.%d.att.time_state\":{\"dtype\":\"F32\","
                    + "\"shape\":[%d,%d,%d],\"data_offsets\":[%d,%d]}").formatted(layer, WIDTH / HEAD_SIZE, HEAD_SIZE,
                            HEAD_SIZE, layer * bytes, (layer + 1) * bytes));
            for (int i = 0; i < WIDTH * HEAD_SIZE; i++) {
                int head = i / (HEAD_SIZE * HEAD_SIZE) * HEAD_SIZE * HEAD_SIZE;
                int key = i / HEAD_SIZE % HEAD_SIZE;
                int value = i % HEAD_SIZE;
                data.putFloat(state[layer * LAYER_FLOATS + WIDTH + head + value * HEAD_SIZE + key]);
            }
        }
        byte[] json = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        Files.write(file, ByteBuffer.allocate(Long.BYTES + json.length + data.capacity()).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length).put(json).put(data.array()).array());
    }

    private Result good(String... arguments) throws IOException, InterruptedException {
        Result result = CommandLine.run(folder, arguments);
        assertThat(result.status()).as(result.err()).isZero();
        return result;
    }

    private void refused(int status, String message, String... operands) throws IOException, InterruptedException {
        String[] arguments = new String[operands.length + 1];
        arguments[0] = "convert";
        System.arraycopy(operands, 0, arguments, 1, operands.length);
        Result result = CommandLine.run(folder, arguments);
        assertThat(result.status()).isEqualTo(status);
        assertThat(result.err()).startsWith("rwkv: ").contains(message).hasLineCount(1);
        assertThat(folder.resolve("tuned.state")).doesNotExist();
    }
}
