package dev.rwkv4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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

    /** The same by sorting, in double precision. */
    private static double[] sorted(Sampling sampling, float[] logits) {
        int n = logits.length;
        double largest = IntStream.range(0, n).mapToDouble(i -> logits[i]).max().orElseThrow();
        double[] weights = IntStream.range(0, n).mapToDouble(i -> Math.exp(logits[i] - largest)).toArray();
        double total = Arrays.stream(weights).sum();
        List<Integer> order = IntStream.range(0, n).boxed()
                .sorted(Comparator.comparingDouble((Integer i) -> -weights[i]).thenComparing(i -> i)).toList();
        double reached = 0;
        int kept = 0;
        while (kept < n && (sampling.topP() >= 1 || reached < sampling.topP() * total
                || weights[order.get(kept)] == weights[order.get(kept - 1)])) {
            reached += weights[order.get(kept++)];
        }
        kept = sampling.topK() == 0 ? kept : Math.min(kept, sampling.topK());
        double[] result = new double[n];
        for (int token : order.subList(0, kept)) {
            result[token] = weights[token] < sampling.minP()
                    ? 0
                    : Math.exp((logits[token] - largest) / sampling.temperature());
        }
        double sum = Arrays.stream(result).sum();
        return Arrays.stream(result).map(weight -> weight / sum).toArray();
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.0, 0.01, 0.3, 1, 6, 30})
    void cutsAreThoseOfASortedList(double spread) {
        Random random = new Random(3);
        for (int i = 0; i < 200; i++) {
            float[] logits = new float[1 + random.nextInt(3000)];
            for (int token = 0; token < logits.length; token++) {
                // Rounded, so that there are ties, and ties are far from each other in probability.
                logits[token] = Math.round(spread * random.nextGaussian() * 64) / 64f;
            }
            Sampling sampling = PLAIN.withTopP(random.nextInt(5) == 0 ? 1 : random.nextDouble() + 1e-3)
                    .withTopK(random.nextInt(3) == 0 ? 1 + random.nextInt(100) : 0)
                    .withMinP(random.nextInt(3) == 0 ? random.nextDouble() * 0.2 : 0)
                    .withTemperature(random.nextInt(2) == 0 ? 1 : 0.3 + random.nextDouble());
            float[] found = new Sampler(sampling).probabilities(logits);
            double[] expected = sorted(sampling, logits);
            double difference = IntStream.range(0, logits.length)
                    .mapToDouble(token -> Math.abs(found[token] - expected[token])).max().orElseThrow();
            assertThat(difference).as("%s, %d tokens", sampling, logits.length).isLessThan(1e-5);
        }
    }

    @Test
    void theSameSeedGivesTheSameTokens() {
        float[] logits = new float[100];
        Sampler sampler = new Sampler(PLAIN.withTopP(1).withSeed(42));
        int[] first = IntStream.range(0, 8).map(i -> sampler.sample(logits)).toArray();
        // The numbers of SplitMix64 from 42 on, in hundredths.
        assertThat(first).containsExactly(74, 15, 27, 34, 3, 86, 21, 80);
        sampler.reset();
        assertThat(IntStream.range(0, 8).map(i -> sampler.sample(MemorySegment.ofArray(logits))).toArray())
                .isEqualTo(first);
        assertThat(new Sampler(PLAIN.withTopP(1)).probabilities(logits)).containsOnly(new float[]{0.01f},
                offset(1e-7f));
    }

    @Test
    void tokensAreDrawnAsOftenAsTheirProbabilitySays() {
        float[] logits = {0, (float) Math.log(2), (float) Math.log(5), Float.NEGATIVE_INFINITY};
        Sampler sampler = new Sampler(PLAIN.withTopP(1).withSeed(7));
        int[] drawn = new int[4];
        for (int i = 0; i < 80_000; i++) {
            drawn[sampler.sample(logits)]++;
        }
        assertThat(drawn[0]).isCloseTo(10_000, within(400));
        assertThat(drawn[1]).isCloseTo(20_000, within(500));
        assertThat(drawn[2]).isCloseTo(50_000, within(600));
        assertThat(drawn[3]).isZero();
    }

    @Test
    void resetForgetsPenalties() {
        Sampler sampler = new Sampler(Sampling.defaults());
        float[] logits = new float[3];
        sampler.accept(1);
        assertThat(sampler.penalized(logits)).containsExactly(new float[]{0, -0.4f, 0}, offset(1e-6f));
        sampler.reset();
        assertThat(sampler.penalized(logits)).containsExactly(0, 0, 0);
        assertThat(logits).containsExactly(0, 0, 0);
    }

    @Test
    void bannedTokensAreNeverChosen() {
        float[] logits = {5, 4, 3};
        assertThat(new Sampler(Sampling.greedy()).sample(logits)).isZero();
        assertThat(new Sampler(Sampling.greedy().withBannedTokens(0, 1)).sample(logits)).isEqualTo(2);
        assertThat(new Sampler(PLAIN.withTopP(1).withTemperature(1000).withBannedTokens(0)).probabilities(logits))
                .containsExactly(new float[]{0, 0.50025f, 0.49975f}, offset(1e-5f));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Sampler(PLAIN.withBannedTokens(0, 1, 2)).sample(logits))
                .withMessageContaining("no token is left");
        assertThatIllegalArgumentException().isThrownBy(() -> new Sampler(PLAIN.withBannedTokens(3)).sample(logits))
                .withMessageContaining("banned token 3");
    }

    @Test
    void logitsThatAreNoNumbersAreRefused() {
        for (Sampling sampling : List.of(PLAIN, Sampling.greedy())) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Sampler(sampling).sample(new float[]{1, Float.NaN, 2}))
                    .withMessageContaining("token 1 is NaN");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Sampler(sampling).sample(new float[]{1, 2, Float.POSITIVE_INFINITY}))
                    .withMessageContaining("token 2 is Infinity");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new Sampler(PLAIN).sample(new float[0]))
                .withMessageContaining("no token is left");
    }

    @Test
    void theNumberOfTokensIsFixed() {
        Sampler sampler = new Sampler(PLAIN);
        sampler.sample(new float[5]);
        assertThatIllegalArgumentException().isThrownBy(() -> sampler.sample(new float[6]))
                .withMessageContaining("6 logits");
        assertThatIllegalArgumentException().isThrownBy(() -> sampler.accept(5)).withMessageContaining("token 5");
        assertThatIllegalArgumentException().isThrownBy(() -> new Sampler(PLAIN).accept(-1))
                .withMessageContaining("token -1");
    }

    @Test
    void theExponentialIsExactToOneUnitInTheLastPlace() {
        assertThat(FastExp.exp(0)).isEqualTo(1);
        assertThat(FastExp.exp(Float.NEGATIVE_INFINITY)).isZero();
        for (float x = 0; x > -46; x -= 1e-3f) {
            float expected = (float) Math.exp(x);
            assertThat(Math.abs(FastExp.exp(x) - expected) / Math.ulp(expected)).isLessThanOrEqualTo(1);
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
