package dev.rwkv4j.api;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.Generation;
import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.RwkvState;
import dev.rwkv4j.Sampler;
import dev.rwkv4j.Sampling;
import dev.rwkv4j.SessionInput;
import dev.rwkv4j.StopReason;
import dev.rwkv4j.testdata.SmallModels;
import dev.rwkv4j.testdata.TestData;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GenerateTest {
    private static final int[] NO_ASCII = IntStream.concat(IntStream.range(0, 32), IntStream.range(127, 256)).toArray();
    private static final int[] NO_CONTINUATION = IntStream.concat(IntStream.range(0, 128), IntStream.range(192, 225))
            .toArray();
    private static final Offset<Float> ROUNDING = Offset.offset(1e-4f);

    /** Printable ASCII, always the same. */
    private static final Sampling ASCII = Sampling.defaults().withTopP(1).withSeed(7).withBannedTokens(NO_ASCII)
            .withMaxTokens(60);

    private static final int[] GO_ON = {'m', 'o', 'r', 'e'};

    @TempDir
    private Path folder;
    private RwkvModel model;
    private RwkvSession session;

    @BeforeEach
    void load() throws IOException {
        model = RwkvModel.load(SmallModels.write(folder, Version.V7));
        session = model.newSession();
        session.feed("prompt");
    }

    @AfterEach
    void close() {
        model.close();
    }

    private String generate(Sampling sampling, StopReason expected) {
        StringBuilder text = new StringBuilder();
        Generation generation = session.generate(sampling, text::append);
        assertThat(generation.reason()).isEqualTo(expected);
        return text.toString();
    }

    /** Checks that the session is where a new one is after the prompt and a text. */
    private void assertRead(String text) {
        try (RwkvSession expected = model.newSession()) {
            expected.feed("prompt");
            for (byte each : text.getBytes(StandardCharsets.UTF_8)) {
                expected.feed(Byte.toUnsignedInt(each));
            }
            assertThat(session.position()).isEqualTo(expected.position());
            assertThat(session.logits()).containsExactly(expected.logits(), ROUNDING);
        }
    }

    @Test
    void feedsWhatItGenerates() {
        String text = generate(ASCII, StopReason.MAX_TOKENS);
        assertThat(text).hasSize(60).matches("[ -~]+");
        assertRead(text);
    }

    @Test
    void givesOutATokenBeforeItIsEvaluated() {
        MemorySegment logits = session.logitsSegment();
        float[] afterPrompt = session.logits();
        StringBuilder text = new StringBuilder();
        session.generate(ASCII.withMaxTokens(1), piece -> {
            assertThat(logits.toArray(JAVA_FLOAT)).isEqualTo(afterPrompt);
            text.append(piece);
        });
        assertRead(text.toString());

        float[] afterOne = session.logits();
        text.append(session.generate(ASCII).iterator().next());
        assertThat(logits.toArray(JAVA_FLOAT)).isEqualTo(afterOne);
        assertRead(text.toString());
    }

    private static Map<String, Consumer<RwkvSession>> waysToGoOn() {
        return Map.of(
                "feed", session -> session.feed(GO_ON),
                "feed each", session -> session.feed(GO_ON, (_, _) -> {
                }),
                "batch", session -> session.model().feed(List.of(new SessionInput(session, GO_ON))),
                "fork", session -> {
                    try (RwkvSession fork = session.fork()) {
                        assertThat(fork.logits()).isEqualTo(session.logits());
                    }
                    session.feed(GO_ON);
                },
                "state", session -> {
                    try (RwkvState state = session.state()) {
                        session.reset();
                        session.restore(state);
                    }
                    session.feed(GO_ON);
                },
                "generate", session -> {
                    Sampling nothing = ASCII.withBannedTokens(IntStream.range(1, 256).toArray());
                    assertThat(session.generate(nothing)).isEmpty();
                    session.feed(GO_ON);
                });
    }

    @ParameterizedTest
    @ValueSource(strings = {"feed", "feed each", "batch", "fork", "state", "generate"})
    void whoeverGoesOnFindsReadWhatWasGivenOut(String way) {
        String text = generate(ASCII.withMaxTokens(3), StopReason.MAX_TOKENS);
        assertThat(session.position()).isEqualTo(9);
        waysToGoOn().get(way).accept(session);
        assertRead(text + new String(GO_ON, 0, GO_ON.length));
    }

    @Test
    void nothingIsLeftToReadAfterAnotherBeginning() {
        generate(ASCII.withMaxTokens(3), StopReason.MAX_TOKENS);
        session.reset();
        assertThat(session.position()).isZero();
        assertThatThrownBy(session::logits).hasMessageContaining("no logits");
        session.feed("prompt");
        assertRead("");
    }

    @Test
    void aCancelledGenerationHasReadWhatItGaveOut() {
        StringBuilder text = new StringBuilder();
        Generation cancelled = session.generate(ASCII, piece -> {
            if (text.append(piece).length() == 5) {
                session.cancel();
            }
        });
        assertThat(cancelled).isEqualTo(new Generation(5, StopReason.CANCELLED));
        assertRead(text.toString());
    }

    @Test
    void aStreamThatWasCancelledEndsEvenIfTheSessionWasAskedMeanwhile() {
        try (Stream<String> stream = session.generate(ASCII)) {
            Iterator<String> pieces = stream.iterator();
            String text = pieces.next();
            session.cancel();
            assertThat(session.logits()).isNotEmpty();
            assertThat(pieces.hasNext()).isFalse();
            assertRead(text);
        }
    }

    @Test
    void anInterruptedGenerationHasReadWhatItGaveOut() {
        StringBuilder text = new StringBuilder();
        Generation interrupted = session.generate(ASCII, piece -> {
            text.append(piece);
            Thread.currentThread().interrupt();
        });
        assertThatThrownBy(() -> session.feed("not read")).isInstanceOf(CancellationException.class);
        float[] logits = session.logits();
        assertThat(Thread.interrupted()).isTrue();
        assertThat(interrupted).isEqualTo(new Generation(1, StopReason.CANCELLED));
        assertThat(session.logits()).isEqualTo(logits);
        assertRead(text.toString());
    }

    @Test
    void aStreamGivesTheSameAsAConsumer() {
        try (RwkvSession other = session.fork(); Stream<String> stream = other.generate(ASCII)) {
            assertThat(stream.collect(Collectors.joining())).isEqualTo(generate(ASCII, StopReason.MAX_TOKENS));
            assertThat(other.logits()).isEqualTo(session.logits());
        }
    }

    @Test
    void aStreamIsLazy() {
        try (Stream<String> stream = session.generate(ASCII.withMaxTokens(Integer.MAX_VALUE))) {
            assertThat(session.position()).isEqualTo(6);
            assertThat(stream.limit(3).collect(Collectors.joining())).hasSize(3);
            assertThat(session.position()).isEqualTo(9);
        }
        Stream<String> parallel = session.generate(ASCII.withMaxTokens(Integer.MAX_VALUE)).parallel();
        assertThat(parallel.limit(3)).hasSize(3);
        parallel.close();
    }

    @Test
    void aClosedStreamHasEnded() {
        Stream<String> stream = session.generate(ASCII);
        Iterator<String> iterator = stream.iterator();
        assertThat(iterator.next()).isNotEmpty();
        stream.close();
        assertThat(iterator.hasNext()).isFalse();
        session.feed(1);
    }

    @Test
    void cancelEndsAStream() {
        Iterator<String> iterator = session.generate(ASCII).iterator();
        iterator.next();
        session.cancel();
        assertThat(iterator.hasNext()).isFalse();
    }

    @Test
    void aStreamNoticesThatItsSessionHasMovedOn() {
        Iterator<String> iterator = session.generate(ASCII).iterator();
        iterator.next();
        session.logits();
        iterator.next();
        session.feed(1);
        assertThatThrownBy(iterator::hasNext)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("something else");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 20})
    void stopsBeforeAStopStringAndForgetsIt(int length) {
        String whole;
        try (RwkvSession other = session.fork(); Stream<String> stream = other.generate(ASCII)) {
            whole = stream.collect(Collectors.joining());
        }
        String stop = whole.substring(25, 25 + length);
        String expected = whole.substring(0, whole.indexOf(stop));
        assertThat(generate(ASCII.withStop("ü", stop, "xyzzy"), StopReason.STOP_STRING)).isEqualTo(expected);
        assertRead(expected);
    }

    @Test
    void goesOnAfterABeginningOfAStopString() {
        String whole;
        try (RwkvSession other = session.fork(); Stream<String> stream = other.generate(ASCII)) {
            whole = stream.collect(Collectors.joining());
        }
        String[] almost = IntStream.range(0, 50).mapToObj(i -> whole.substring(i, i + 3) + "ü").toArray(String[]::new);
        assertThat(generate(ASCII.withStop(almost), StopReason.MAX_TOKENS)).isEqualTo(whole);
        assertRead(whole);
    }

    @Test
    void tokenZeroEndsTheText() {
        int[] allOthers = IntStream.range(1, 256).toArray();
        Generation generation = session.generate(ASCII.withBannedTokens(allOthers), _ -> {
            throw new AssertionError();
        });
        assertThat(generation).isEqualTo(new Generation(0, StopReason.END_OF_TEXT));
        assertRead("");
    }

    @Test
    void noTokensAreAllowedToo() {
        assertThat(session.generate(ASCII.withMaxTokens(0), _ -> {
            throw new AssertionError();
        })).isEqualTo(new Generation(0, StopReason.MAX_TOKENS));
    }

    @Test
    void neverBreaksACharacter() {
        // First bytes of three and four byte characters, and continuations: hardly anything of it is valid.
        Sampling sampling = Sampling.defaults().withTopP(1).withSeed(3).withBannedTokens(NO_CONTINUATION)
                .withMaxTokens(400);
        List<String> pieces = new ArrayList<>();
        session.generate(sampling, pieces::add);
        assertThat(pieces).allSatisfy(piece -> {
            assertThat(piece).isNotEmpty();
            assertThat(Character.isHighSurrogate(piece.charAt(piece.length() - 1))).isFalse();
            assertThat(Character.isLowSurrogate(piece.charAt(0))).isFalse();
        });
        assertThat(String.join("", pieces).codePoints().filter(c -> c != 0xFFFD).count()).isPositive();
        assertThat(session.position()).isEqualTo(406);
    }

    @Test
    void needsLogits() {
        session.reset();
        assertThatThrownBy(() -> session.generate(ASCII))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("feed");
    }

    @Test
    void aThrowingConsumerEndsIt() {
        assertThatThrownBy(() -> session.generate(ASCII, _ -> {
            throw new UnsupportedOperationException("enough");
        })).isInstanceOf(UnsupportedOperationException.class);
        assertThat(session.position()).isEqualTo(7);
        session.feed(1);
    }

    @Test
    void whereAStopStringBeginsWithinATokenTheRestIsFedAnew() throws IOException {
        Path vocabulary = TestData.shared("rwkv_vocab_v20230424.txt");
        Path file = SmallModels.write(folder.resolve("world.gguf"), Version.V7, 65536, 1);
        try (RwkvModel world = RwkvModel.load(file, ModelOptions.defaults().withVocabulary(vocabulary));
                RwkvSession start = world.newSession()) {
            start.feed("prompt");
            Tokenizer tokenizer = world.tokenizer().orElseThrow();
            int[] tokens = chooseTokens(start, tokenizer, 12);
            String before = tokenizer.decode(Arrays.copyOf(tokens, 8));
            String begun = tokenizer.decode(tokens[8]);
            String stop = begun.substring(begun.length() / 2) + tokenizer.decode(tokens[9], tokens[10]);
            String kept = begun.substring(0, begun.length() / 2);
            try (RwkvSession actual = start.fork()) {
                StringBuilder text = new StringBuilder();
                actual.generate(longTokens(tokenizer).withMaxTokens(12).withStop(stop), text::append);
                assertThat(text).hasToString(before + kept);
                start.feed(Arrays.copyOf(tokens, 8));
                start.feed(kept);
                assertThat(actual.position()).isEqualTo(start.position());
                assertThat(actual.logits()).containsExactly(start.logits(), ROUNDING);
            }
        }
    }

    /** Only tokens of several ASCII letters. */
    private static Sampling longTokens(Tokenizer tokenizer) {
        return Sampling.defaults().withTopP(1).withSeed(11).withBannedTokens(IntStream.range(0, tokenizer.size())
                .filter(token -> !tokenizer.decode(token).matches("[a-z]{4,}"))
                .toArray());
    }

    private static int[] chooseTokens(RwkvSession start, Tokenizer tokenizer, int count) {
        Sampler sampler = new Sampler(longTokens(tokenizer), tokenizer);
        int[] tokens = new int[count];
        try (RwkvSession session = start.fork()) {
            for (int i = 0; i < count; i++) {
                tokens[i] = sampler.sample(session.logitsSegment());
                session.feed(tokens[i]);
            }
        }
        return tokens;
    }
}
