package dev.rwkv4j.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.RwkvState;
import dev.rwkv4j.SessionInput;
import dev.rwkv4j.testdata.SmallModels;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SessionTest {
    private static final Offset<Float> ROUNDING = Offset.offset(1e-4f);

    @TempDir
    private Path folder;

    private RwkvModel load(Version version) throws IOException {
        return RwkvModel.load(SmallModels.write(folder, version), ModelOptions.defaults().withChunkTokens(16));
    }

    private static int[] tokens(int count) {
        return new Random(count).ints(count, 0, SmallModels.VOCABULARY).toArray();
    }

    private static void assertSame(float[] actual, float[] expected) {
        assertThat(actual).containsExactly(expected, ROUNDING);
    }

    @ParameterizedTest
    @EnumSource(Version.class)
    void oneByOneEqualsAtOnce(Version version) throws IOException {
        int[] tokens = tokens(50);
        try (RwkvModel model = load(version);
                RwkvSession single = model.newSession();
                RwkvSession whole = model.newSession()) {
            for (int token : tokens) {
                single.feed(token);
            }
            whole.feed(tokens);
            assertSame(whole.logits(), single.logits());
            assertThat(whole.position()).isEqualTo(50);
            try (RwkvState first = whole.state(); RwkvState second = single.state()) {
                assertSame(first.toArray(), second.toArray());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Version.class)
    void logitsOfEachTokenEqualThoseOfASingleOne(Version version) throws IOException {
        int[] tokens = tokens(37);
        try (RwkvModel model = load(version);
                RwkvSession single = model.newSession();
                RwkvSession each = model.newSession()) {
            List<Integer> indices = new ArrayList<>();
            each.feed(tokens, (index, logits) -> {
                indices.add(index);
                single.feed(tokens[index]);
                assertSame(logits.toArray(ValueLayout.JAVA_FLOAT), single.logits());
                assertThat(logits.isReadOnly()).isTrue();
            });
            assertThat(indices).hasSize(37).isSorted();
            assertThat(each.position()).isEqualTo(37);
            assertSame(each.logits(), single.logits());
        }
    }

    @ParameterizedTest
    @EnumSource(Version.class)
    void aBatchOfUnequalTextsEqualsSingleOnes(Version version) throws IOException {
        int[] lengths = {1, 40, 7, 0, 16};
        try (RwkvModel model = load(version)) {
            List<SessionInput> inputs = new ArrayList<>();
            for (int length : lengths) {
                RwkvSession session = model.newSession();
                session.feed(length);
                inputs.add(new SessionInput(session, tokens(length)));
            }
            model.feed(inputs);
            for (SessionInput input : inputs) {
                try (RwkvSession single = model.newSession(); RwkvSession session = input.session()) {
                    single.feed(input.tokens().length);
                    single.feed(input.tokens());
                    assertSame(session.logits(), single.logits());
                    assertThat(session.position()).isEqualTo(1 + input.tokens().length);
                }
            }
        }
    }

    @Test
    void aBatchChecksItsInputs() throws IOException {
        try (RwkvModel model = load(Version.V4);
                RwkvModel other = load(Version.V7);
                RwkvSession session = model.newSession();
                RwkvSession foreign = other.newSession()) {
            SessionInput input = new SessionInput(session, 1, 2);
            assertThatThrownBy(() -> model.feed(List.of(input, input)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("twice");
            assertThatThrownBy(() -> model.feed(List.of(input, new SessionInput(foreign, 1))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("another model");
            assertThatThrownBy(() -> model.feed(List.of(new SessionInput(session, 1, 256))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("256");
            assertThat(session.position()).isZero();
            model.feed(List.of());
            model.feed(List.of(input));
            assertThat(session.position()).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @EnumSource(Version.class)
    void aForkGoesOnLikeItsOriginal(Version version) throws IOException {
        try (RwkvModel model = load(version); RwkvSession original = model.newSession()) {
            original.feed("The quick brown fox");
            float[] before = original.logits();
            try (RwkvSession fork = original.fork()) {
                assertThat(fork.logits()).isEqualTo(before);
                assertThat(fork.position()).isEqualTo(original.position());
                original.feed(" jumps");
                assertThat(fork.logits()).isEqualTo(before);
                fork.feed(" jumps");
                assertThat(fork.logits()).isEqualTo(original.logits());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Version.class)
    void restoreAndResetGoBack(Version version) throws IOException {
        try (RwkvModel model = load(version); RwkvSession session = model.newSession()) {
            session.feed(1, 2, 3);
            try (RwkvState state = session.state()) {
                session.feed(4);
                float[] expected = session.logits();
                session.feed(5);
                session.restore(state);
                assertThat(session.position()).isEqualTo(3);
                assertThatThrownBy(session::logits).isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("feed");
                session.feed(4);
                assertThat(session.logits()).isEqualTo(expected);
                session.reset();
                assertThat(session.position()).isZero();
                session.feed(1, 2, 3);
                session.feed(4);
                assertThat(session.logits()).isEqualTo(expected);
            }
        }
    }

    @Test
    void logitsWithoutACopyFollowTheSession() throws IOException {
        try (RwkvModel model = load(Version.V7)) {
            MemorySegment logits;
            try (RwkvSession session = model.newSession()) {
                assertThatThrownBy(session::logitsSegment).isInstanceOf(IllegalStateException.class);
                session.feed(1);
                logits = session.logitsSegment();
                assertThat(logits.isReadOnly()).isTrue();
                session.feed(2);
                assertThat(logits.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(session.logits());
            }
            assertThatThrownBy(() -> logits.get(ValueLayout.JAVA_FLOAT, 0)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void aTokenOutsideTheVocabularyFeedsNothing() throws IOException {
        try (RwkvModel model = load(Version.V7); RwkvSession session = model.newSession()) {
            for (int bad : new int[]{-1, 256, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
                assertThatThrownBy(() -> session.feed(1, bad))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContainingAll("token 1", Integer.toString(bad), "255");
                assertThatThrownBy(() -> session.feed(new int[]{1, bad}, (_, _) -> {
                })).isInstanceOf(IllegalArgumentException.class);
            }
            assertThat(session.position()).isZero();
        }
    }

    @Test
    void feedingNothingDoesNothing() throws IOException {
        try (RwkvModel model = load(Version.V7); RwkvSession session = model.newSession()) {
            session.feed("");
            session.feed();
            session.feed(new int[0], (_, _) -> {
                throw new AssertionError();
            });
            assertThat(session.position()).isZero();
            session.feed(1);
            float[] logits = session.logits();
            session.feed("");
            assertThat(session.logits()).isEqualTo(logits);
        }
    }

    @Test
    void theNumberOfThreadsDoesNotMatter() throws IOException {
        Path file = SmallModels.write(folder, Version.V7);
        float[][] logits = new float[2][];
        for (int threads = 1; threads <= 2; threads++) {
            try (RwkvModel model = RwkvModel.load(file, ModelOptions.defaults().withThreads(threads));
                    RwkvSession session = model.newSession()) {
                session.feed(tokens(100));
                logits[threads - 1] = session.logits();
            }
        }
        assertThat(Arrays.equals(logits[0], logits[1])).isTrue();
    }
}
