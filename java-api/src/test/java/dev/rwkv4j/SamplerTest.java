package dev.rwkv4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.Test;

class SamplerTest {
    private static final Sampling PLAIN = Sampling.defaults().withPresencePenalty(0).withFrequencyPenalty(0);

    @Test
    void distributionsAreThoseOfTheOfficialSampler() throws IOException {
        JsonObject golden = golden();
        JsonArray cases = golden.getAsJsonArray("cases");
        assertThat(cases).hasSizeGreaterThan(15);
        for (JsonElement item : cases) {
            JsonObject expected = item.getAsJsonObject();
            float[] logits = floats(golden.getAsJsonArray("logit_sets").get(expected.get("logits").getAsInt()));
            Sampling sampling = PLAIN.withTemperature(expected.get("temperature").getAsDouble())
                    .withTopP(expected.get("top_p").getAsDouble()).withTopK(expected.get("top_k").getAsInt());
            assertThat(new Sampler(sampling).probabilities(logits)).as("%s", sampling)
                    .containsExactly(floats(expected.get("probabilities")), offset(1e-5f));
        }
    }

    @Test
    void penaltiesAreThoseOfTheOfficialSampler() throws IOException {
        JsonObject golden = golden().getAsJsonObject("penalties");
        List<String> texts = golden.getAsJsonArray("token_texts").asList().stream().map(JsonElement::getAsString)
                .toList();
        Sampling sampling = Sampling.defaults().withPresencePenalty(golden.get("presence").getAsDouble())
                .withFrequencyPenalty(golden.get("frequency").getAsDouble())
                .withPenaltyDecay(golden.get("decay").getAsDouble());
        Sampler sampler = new Sampler(sampling, new Words(texts));
        float[] base = floats(golden.get("base_logits"));
        JsonArray steps = golden.getAsJsonArray("logits_before_each_step");
        for (int step = 0; step < steps.size(); step++) {
            assertThat(sampler.penalized(base)).as("step %d", step)
                    .containsExactly(floats(steps.get(step)), offset(1e-5f));
            sampler.accept(golden.getAsJsonArray("sampled").get(step).getAsInt());
        }
    }

    private static JsonObject golden() throws IOException {
        return JsonParser.parseString(Files.readString(TestData.require("golden/sampling.json"))).getAsJsonObject();
    }

    private static float[] floats(JsonElement array) {
        List<JsonElement> elements = array.getAsJsonArray().asList();
        float[] values = new float[elements.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = elements.get(i).getAsFloat();
        }
        return values;
    }

    /** A tokenizer of a few whole words, for decoding only. */
    private record Words(List<String> words) implements Tokenizer {
        @Override
        public byte[] bytes(int token) {
            return words.get(token).getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public int size() {
            return words.size();
        }

        @Override
        public int[] encode(String text) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int[] encode(byte[] bytes) {
            throw new UnsupportedOperationException();
        }

        @Override
        public String name() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Tokenizer withSize(int size) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void writeTo(GgufWriter writer) {
            throw new UnsupportedOperationException();
        }
    }
}
