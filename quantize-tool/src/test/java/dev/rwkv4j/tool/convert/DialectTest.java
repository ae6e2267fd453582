package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DialectTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"4", "5.0", "5.1", "5.2", "6", "golden rwkv4", "golden rwkv5.0", "golden rwkv5.1",
            "golden rwkv5.2", "golden rwkv6"})
    void huggingFace(String model) throws IOException {
        sameTensors(model, Dialects::huggingFace);
    }

    @ParameterizedTest
    @ValueSource(strings = {"7", "golden rwkv7", "golden rwkv7-192"})
    void fla(String model) throws IOException {
        sameTensors(model, tensors -> Dialects.fla(tensors, false));
        sameTensors(model, tensors -> Dialects.fla(tensors, true));
    }

    @ParameterizedTest
    @ValueSource(strings = {"7", "golden rwkv7", "golden rwkv7-192"})
    void rwkv7ForCausalLm(String model) throws IOException {
        sameTensors(model, Dialects::rwkv7ForCausalLm);
    }

    @ParameterizedTest
    @ValueSource(strings = {"4", "5.1", "5.2", "6", "7", "golden rwkv4", "golden rwkv5.1", "golden rwkv5.2",
            "golden rwkv6", "golden rwkv7", "golden rwkv7-192"})
    void webRwkv(String model) throws IOException {
        sameTensors(model, Dialects::webRwkv);
    }

    private void sameTensors(String name, UnaryOperator<Map<String, Values>> dialect) throws IOException {
        Map<String, float[]> expected = Conversions.values(folder, PthBytes.of(model(name)));
        Map<String, Values> renamed = dialect.apply(model(name));
        assertThat(Conversions.values(folder, SafetensorsBytes.of(renamed))).usingRecursiveComparison()
                .isEqualTo(expected);
        assertThat(Conversions.values(folder, PthBytes.of(renamed))).usingRecursiveComparison().isEqualTo(expected);
    }

    private static Map<String, Values> model(String name) throws IOException {
        return name.startsWith("golden ") ? Golden.model(name.substring("golden ".length())) : TinyModel.of(name);
    }

    /** Where all low-rank matrices are square, shapes can't tell, but web-rwkv's names for RWKV-6 can. */
    @Test
    void squareMatricesAreOrientedByNames() throws IOException {
        Map<String, Values> model = TinyModel.of("6");
        for (String block : new String[]{"blocks.0.att.", "blocks.1.att."}) {
            for (String name : new String[]{"time_decay_w1", "time_decay_w2"}) {
                float[] data = model.get("emb.weight").data().clone();
                model.put(block + name, new Values(new long[]{8, 8}, java.util.Arrays.copyOf(data, 64)));
            }
            model.put(block + "time_maa_w1", new Values(new long[]{8, 40}, new float[320]));
            model.put(block + "time_maa_w2", new Values(new long[]{5, 8, 8}, new float[320]));
        }
        Map<String, float[]> expected = Conversions.values(folder, PthBytes.of(model));
        assertThat(Conversions.values(folder, SafetensorsBytes.of(Dialects.webRwkv(model)))).usingRecursiveComparison()
                .isEqualTo(expected);
    }

    @Test
    void aNormThatIsAppliedAlreadyMayBeAbsent() throws IOException {
        Map<String, Values> model = TinyModel.of("7");
        model.remove("blocks.0.ln0.weight");
        model.remove("blocks.0.ln0.bias");
        assertThat(Conversions.values(folder, SafetensorsBytes.of(Dialects.fla(model, false))))
                .containsKey("token_embd.weight").doesNotContainKey("token_embd_norm.weight");
    }

    @Test
    void whatADialectDoesNotHaveIsRefusedByName() {
        Map<String, Values> model = Dialects.fla(TinyModel.of("7"), true);
        model.put("model.layers.1.attn.rotary.weight", new Values(new long[]{1}, new float[1]));
        assertThatThrownBy(() -> Conversions.values(folder, SafetensorsBytes.of(model)))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("model.layers.1.attn.rotary.weight");
    }

    @Test
    void twoNamesOfOneTensorAreRefused() {
        Map<String, Values> model = new LinkedHashMap<>(Dialects.huggingFace(TinyModel.of("4")));
        model.put("emb.weight", model.get("rwkv.embeddings.weight"));
        assertThatThrownBy(() -> Conversions.values(folder, SafetensorsBytes.of(model)))
                .isInstanceOf(CheckpointFormatException.class).hasMessageContaining("two tensors are named emb.weight");
    }

    @Test
    void fusedLerpsHaveToBeSix() {
        Map<String, Values> model = Dialects.fla(TinyModel.of("7"), true);
        model.put("model.layers.1.attn.x_x", new Values(new long[]{5, 8}, new float[40]));
        assertThatThrownBy(() -> Conversions.values(folder, SafetensorsBytes.of(model)))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("tensor model.layers.1.attn.x_x is not made of 6 float vectors");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', nullValues = "-", value = {
            "fla | -                                          | 1e-5 | 4e-5",
            "fla | {\"norm_eps\": 1e-5, \"attn\": null}       | 1e-5 | 4e-5",
            "fla | {\"norm_eps\": 16e-5, \"head_dim\": 64}    | 16e-5 | 64e-5",
            "fla | {\"norm_eps\": null, \"hidden_size\": 99}  | 1e-5 | 4e-5",
            "hf  | -                                          | 1e-5 | 64e-5",
            "hf  | {\"layer_norm_epsilon\": 1e-6}             | 1e-6 | 64e-5",
            "hf  | {\"head_size_divisor\": 4}                 | 1e-5 | 16e-5",
            "own | {\"norm_eps\": 0.25, \"attn\": {}}         | 1e-5 | 64e-5"})
    void epsilonsComeFromTheConfiguration(String dialect, String config, float layerNorm, float groupNorm)
            throws IOException {
        if (config != null) {
            Files.writeString(folder.resolve("config.json"), config);
        }
        Conversions.values(folder, SafetensorsBytes.of(switch (dialect) {
            case "fla" -> Dialects.fla(TinyModel.of("7"), false);
            case "hf" -> Dialects.huggingFace(TinyModel.of("6"));
            default -> TinyModel.of("6");
        }));
        String prefix = dialect.equals("fla") ? "rwkv7.attention." : "rwkv6.attention.";
        try (GgufFile file = GgufFile.open(folder.resolve("model.gguf"))) {
            assertThat(file.metadata().getFloat(prefix + "layer_norm_epsilon")).isEqualTo(layerNorm);
            assertThat(file.metadata().getFloat(prefix + "group_norm_epsilon", 64e-5f)).isEqualTo(groupNorm);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            "{\"attn\": {\"layers\": [1]}}  | hybrids are not supported",
            "{\"norm_eps\": 0}              | norm_eps is 0.0",
            "{\"norm_eps\": 1e999}          | norm_eps is Infinity",
            "{\"norm_eps\": \"1e-5\"}       | has no number at $.norm_eps",
            "{\"norm_eps\": 1e-5            | ends too early",
            "{\"a\": 1, \"a\": 1}           | two members named a",
            "[]                             | is not what it has to be"})
    void unusableConfigurationsAreRefused(String config, String problem) throws IOException {
        Files.writeString(folder.resolve("config.json"), config);
        byte[] model = SafetensorsBytes.of(Dialects.fla(TinyModel.of("7"), false));
        assertThatThrownBy(() -> Conversions.values(folder, model)).isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(folder.resolve("config.json") + ": ").hasMessageContaining(problem);
    }
}
