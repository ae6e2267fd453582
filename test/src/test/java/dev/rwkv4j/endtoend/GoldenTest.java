package dev.rwkv4j.endtoend;

import static dev.rwkv4j.testdata.Difference.argmax;
import static dev.rwkv4j.testdata.Difference.relative;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.RwkvState;
import dev.rwkv4j.SessionInput;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.testdata.GoldenModel;
import dev.rwkv4j.tool.convert.Conversion;
import dev.rwkv4j.tool.convert.ConversionProgress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The engine against the official implementation's logits and states, in every form of evaluation. */
class GoldenTest {
    /** Of the largest absolute value. The smallest effect of a known mistake is 8e-4. */
    private static final double TOLERANCE = 1e-5;

    @TempDir
    private Path folder;

    static List<String> models() {
        return GoldenModel.names();
    }

    @ParameterizedTest
    @MethodSource("models")
    void recurrentForm(String name) throws IOException {
        GoldenModel golden = GoldenModel.read(name);
        try (RwkvModel model = load(golden, ModelOptions.defaults());
                RwkvSession session = model.newSession()) {
            int position = 0;
            for (int cut = 0; cut < golden.cuts().length; cut++) {
                for (; position < golden.cuts()[cut]; position++) {
                    session.feed(golden.tokens()[position]);
                }
                assertLogits(session, golden, cut);
            }
            assertState(session, golden);
            assertThat(greedy(session, golden.greedyNext16().length)).isEqualTo(golden.greedyNext16());
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void sequenceFormInChunksOfAnyLength(String name) throws IOException {
        GoldenModel golden = GoldenModel.read(name);
        for (int chunkTokens : new int[]{1, 2, 3, 7, 16, 64, 128}) {
            try (RwkvModel model = load(golden, ModelOptions.defaults().withChunkTokens(chunkTokens));
                    RwkvSession session = model.newSession()) {
                session.feed(golden.tokens());
                assertLogits(session, golden, golden.cuts().length - 1);
                assertState(session, golden);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void logitsAfterEveryTokenOfASequence(String name) throws IOException {
        GoldenModel golden = GoldenModel.read(name);
        try (RwkvModel model = load(golden, ModelOptions.defaults());
                RwkvSession session = model.newSession()) {
            List<float[]> logits = new ArrayList<>();
            session.feed(golden.tokens(), (_, row) -> logits.add(row.toArray(JAVA_FLOAT)));
            assertThat(logits).hasSize(golden.tokens().length);
            for (int cut = 0; cut < golden.cuts().length; cut++) {
                float[] official = golden.officialLogits().get(golden.cuts().length + cut);
                assertThat(relative(logits.get(golden.cuts()[cut] - 1), official)).isLessThan(TOLERANCE);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void batchOfUnequalSequences(String name) throws IOException {
        GoldenModel golden = GoldenModel.read(name);
        for (int chunkTokens : new int[]{5, 128}) {
            try (RwkvModel model = load(golden, ModelOptions.defaults().withChunkTokens(chunkTokens))) {
                List<RwkvSession> sessions = Arrays.stream(golden.cuts()).mapToObj(_ -> model.newSession()).toList();
                List<SessionInput> inputs = new ArrayList<>();
                for (int cut = 0; cut < golden.cuts().length; cut++) {
                    int[] beginning = Arrays.copyOf(golden.tokens(), golden.cuts()[cut]);
                    inputs.add(new SessionInput(sessions.get(cut), beginning));
                }
                model.feed(inputs);
                for (int cut = 0; cut < golden.cuts().length; cut++) {
                    assertLogits(sessions.get(cut), golden, cut);
                }
                assertState(sessions.getLast(), golden);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void sameBitsWithAnyNumberOfThreads(String name) throws IOException {
        GoldenModel golden = GoldenModel.read(name);
        List<float[]> results = new ArrayList<>();
        for (int threads : new int[]{1, 2, 3, 5}) {
            try (RwkvModel model = load(golden, ModelOptions.defaults().withThreads(threads));
                    RwkvSession session = model.newSession()) {
                session.feed(golden.tokens());
                session.feed(1);
                results.add(session.logits());
            }
        }
        assertThat(results).allSatisfy(logits -> assertThat(logits).containsExactly(results.getFirst()));
    }

    private RwkvModel load(GoldenModel golden, ModelOptions options) throws IOException {
        Path gguf = folder.resolve("model.gguf");
        Conversion.defaults().withType(GgmlType.F32).withOverwrite(true)
                .run(golden.checkpoint(), gguf, ConversionProgress.NONE);
        return RwkvModel.load(gguf, options);
    }

    private static void assertLogits(RwkvSession session, GoldenModel golden, int cut) {
        assertThat(relative(session.logits(), golden.officialLogits().get(cut))).isLessThan(TOLERANCE);
        assertThat(relative(session.logits(), golden.exactLogits().get(cut))).isLessThan(TOLERANCE);
    }

    private static void assertState(RwkvSession session, GoldenModel golden) {
        float[] values;
        try (RwkvState state = session.state()) {
            values = state.toArray();
        }
        int position = 0;
        for (float[] part : golden.officialState()) {
            float[] actual = Arrays.copyOfRange(values, position, position + part.length);
            assertThat(relative(actual, part)).isLessThan(TOLERANCE);
            position += part.length;
        }
        assertThat(position).isEqualTo(values.length);
    }

    private static int[] greedy(RwkvSession session, int count) {
        int[] tokens = new int[count];
        for (int i = 0; i < count; i++) {
            tokens[i] = argmax(session.logits());
            session.feed(tokens[i]);
        }
        return tokens;
    }
}
