package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvState;
import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StateConversionTest {
    private static final int MATRICES = TinyModel.HEADS * TinyModel.HEAD_SIZE * TinyModel.HEAD_SIZE;

    private final Map<String, Values> tuned = new LinkedHashMap<>();

    @TempDir
    private Path folder;

    @BeforeEach
    void tune() {
        for (int layer = 0; layer < TinyModel.LAYERS; layer++) {
            float[] data = new float[MATRICES];
            for (int i = 0; i < data.length; i++) {
                data[i] = 100 * layer + i;
            }
            tuned.put("blocks." + layer + ".att.time_state",
                    new Values(new long[]{TinyModel.HEADS, TinyModel.HEAD_SIZE, TinyModel.HEAD_SIZE}, data));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"5.0", "5.2", "6", "7"})
    void everyLayerBeginsWithItsMatrices(String version) throws IOException {
        float[] state = converted(PthBytes.of(tuned), model(version));
        int layerFloats = state.length / TinyModel.LAYERS;
        assertThat(layerFloats).isEqualTo(MATRICES + 2 * TinyModel.WIDTH);
        for (int layer = 0; layer < TinyModel.LAYERS; layer++) {
            int begin = layer * layerFloats;
            int end = begin + TinyModel.WIDTH + MATRICES;
            assertThat(Arrays.copyOfRange(state, begin, begin + TinyModel.WIDTH)).containsOnly(0);
            assertThat(Arrays.copyOfRange(state, begin + TinyModel.WIDTH, end))
                    .isEqualTo(tuned.get("blocks." + layer + ".att.time_state").data());
            assertThat(Arrays.copyOfRange(state, end, end + TinyModel.WIDTH)).containsOnly(0);
        }
    }

    @Test
    void inSafetensorsTheLastDimensionsAreSwapped() throws IOException {
        Map<String, Values> swapped = new LinkedHashMap<>();
        tuned.forEach((name, values) -> swapped.put(name, Dialects.transposed(values)));
        Path model = model("7");
        assertThat(converted(SafetensorsBytes.of(swapped), model)).isEqualTo(converted(PthBytes.of(tuned), model));
    }

    @Test
    void aStateBesideItsModelIsFound() throws IOException {
        Path model = model("7");
        float[] expected = converted(PthBytes.of(tuned), model);
        tuned.putAll(TinyModel.of("7"));
        assertThat(converted(PthBytes.of(tuned), model)).isEqualTo(expected);
    }

    @Test
    void statesOfOtherModelsAreRefused() throws IOException {
        Path model = model("7");
        refused(model("4"), "RWKV-4");
        tuned.put("blocks.2.att.time_state", tuned.get("blocks.1.att.time_state"));
        refused(model, "the model has only 2 layers");
        tuned.remove("blocks.2.att.time_state");
        tuned.put("blocks.1.att.time_state", new Values(new long[]{4, 4, 2}, new float[32]));
        refused(model, "has the shape [4, 4, 2], and the model needs [2, 4, 4]");
        tuned.remove("blocks.1.att.time_state");
        refused(model, "there is no tensor blocks.1.att.time_state");
    }

    @Test
    void filesAreReplacedOnlyIfThatIsAsked() throws IOException {
        Path source = Files.write(folder.resolve("tuned.pth"), PthBytes.of(tuned));
        Path target = Files.writeString(folder.resolve("tuned.state"), "precious");
        Path model = model("7");
        assertThatThrownBy(() -> StateConversion.run(source, model, target, false))
                .isInstanceOf(FileAlreadyExistsException.class);
        assertThat(target).hasContent("precious");
    }

    private Path model(String version) throws IOException {
        Path source = Files.write(folder.resolve("model.pth"), PthBytes.of(TinyModel.of(version)));
        Path target = folder.resolve("model" + version + ".gguf");
        Conversion.defaults().withOverwrite(true).run(source, target, ConversionProgress.NONE);
        return target;
    }

    private float[] converted(byte[] checkpoint, Path model) throws IOException {
        Path source = Files.write(folder.resolve("tuned.pth"), checkpoint);
        Path target = folder.resolve("tuned.state");
        StateConversion.run(source, model, target, true);
        try (RwkvModel loaded = RwkvModel.load(model); RwkvState state = RwkvState.load(loaded, target)) {
            return state.toArray();
        }
    }

    private void refused(Path model, String problem) throws IOException {
        Path source = Files.write(folder.resolve("tuned.pth"), PthBytes.of(tuned));
        Path target = folder.resolve("none.state");
        assertThatThrownBy(() -> StateConversion.run(source, model, target, false))
                .isInstanceOf(CheckpointFormatException.class).hasMessageStartingWith(source + ": ")
                .hasMessageContaining(problem);
        assertThat(target).doesNotExist();
    }
}
