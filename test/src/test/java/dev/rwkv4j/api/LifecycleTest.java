package dev.rwkv4j.api;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvCalibration;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.RwkvState;
import dev.rwkv4j.Sampling;
import dev.rwkv4j.SessionInput;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.testdata.SmallModels;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Closing, and what comes after. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LifecycleTest {
    private static final int STATE_FLOATS = SmallModels.LAYERS
            * (2 * SmallModels.WIDTH + SmallModels.WIDTH * SmallModels.HEAD_SIZE);

    /** Java's heap alone may grow by some 250 MB here; what is looked for is several times that. */
    private static final long LEAK_BYTES = 400L << 20;

    @TempDir
    private Path folder;
    private Path file;

    @BeforeEach
    void writeAModel() throws IOException {
        file = SmallModels.write(folder, Version.V7);
    }

    private static Map<String, ThrowingCallable> uses(RwkvSession session) {
        return Map.of(
                "feed text", () -> session.feed("a"),
                "feed tokens", () -> session.feed(1),
                "feed each", () -> session.feed(new int[]{1}, (_, _) -> {
                }),
                "feed batch", () -> session.model().feed(List.of(new SessionInput(session, 1))),
                "logits", session::logits,
                "logits segment", session::logitsSegment,
                "generate", () -> session.generate(Sampling.greedy(), _ -> {
                }),
                "stream", () -> session.generate(Sampling.greedy()),
                "state", session::state,
                "reset", session::reset);
    }

    private static Map<String, ThrowingCallable> uses(RwkvState state) {
        return Map.of(
                "copy", state::copy,
                "toArray", state::toArray,
                "set", () -> state.set(new float[STATE_FLOATS]),
                "save", () -> state.save(new ByteArrayOutputStream()));
    }

    private static void assertAllClosed(Map<String, ThrowingCallable> uses, String what) {
        uses.forEach((name, use) -> assertThatThrownBy(use)
                .as(name)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(what, "is closed"));
    }

    @Test
    void aClosedSessionSaysSo() throws IOException {
        try (RwkvModel model = RwkvModel.load(file)) {
            RwkvSession session = model.newSession();
            session.feed(1);
            session.close();
            session.close();
            session.cancel();
            assertThat(session.position()).isEqualTo(1);
            assertAllClosed(uses(session), "the session");
            assertThatThrownBy(session::fork).hasMessageContaining("the session is closed");
        }
    }

    @Test
    void aClosedStateSaysSo() throws IOException {
        try (RwkvModel model = RwkvModel.load(file); RwkvSession session = model.newSession()) {
            RwkvState state = model.newState();
            state.close();
            state.close();
            assertAllClosed(uses(state), "the state");
            assertThatThrownBy(() -> session.restore(state))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("the state is closed");
        }
    }

    private static Map<String, ThrowingCallable> uses(RwkvCalibration calibration) {
        Map<String, ThrowingCallable> uses = new HashMap<>(usesOfText(calibration));
        uses.put("begin", () -> calibration.begin(new int[]{1}));
        return uses;
    }

    private static Map<String, ThrowingCallable> usesOfText(RwkvCalibration calibration) {
        return Map.of(
                "watch", () -> calibration.watch("output.weight", 1, MemorySegment.NULL, MemorySegment.NULL),
                "read", () -> calibration.read(0),
                "advance", () -> calibration.advance(0));
    }

    @Test
    void aClosedCalibrationSaysSo() throws IOException {
        RwkvCalibration calibration = RwkvCalibration.open(file, ModelOptions.defaults(),
                Map.of("output.weight", GgmlType.Q8_0));
        calibration.begin(new int[]{1, 2});
        calibration.read(0);
        MemorySegment rounded = calibration.rounded("output.weight");
        calibration.close();
        calibration.close();
        assertAllClosed(uses(calibration), "the calibration");
        assertThatThrownBy(() -> rounded.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aCalibrationBeginsOnceAndFirst() throws IOException {
        try (RwkvCalibration calibration = RwkvCalibration.open(file, ModelOptions.defaults(), Map.of())) {
            usesOfText(calibration).forEach((name, use) -> assertThatThrownBy(use)
                    .as(name)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("has not begun"));
            assertThatThrownBy(() -> calibration.begin(new int[0]))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("at least one");
            calibration.begin(new int[]{1});
            assertThatThrownBy(() -> calibration.begin(new int[]{1}))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("has begun already");
        }
    }

    @Test
    void aClosedModelClosesAllThatIsIts() throws IOException {
        RwkvModel model = RwkvModel.load(file);
        RwkvSession session = model.newSession();
        RwkvState state = model.newState();
        session.feed(1);
        var logits = session.logitsSegment();
        var stream = session.generate(Sampling.greedy()).iterator();
        model.close();
        model.close();
        String name = file.getFileName().toString();
        assertAllClosed(uses(session), name);
        assertAllClosed(uses(state), name);
        assertAllClosed(Map.of(
                "newSession", model::newSession,
                "newState", model::newState,
                "info", model::info,
                "load", () -> RwkvState.load(model, file)), name);
        assertThatThrownBy(stream::hasNext).isInstanceOf(IllegalStateException.class).hasMessageContaining(name);
        assertThatThrownBy(() -> logits.get(ValueLayout.JAVA_FLOAT, 0))
                .isInstanceOf(IllegalStateException.class);
        session.cancel();
        session.close();
        state.close();
        assertThat(model.tokenizer()).isPresent();
    }

    @Test
    void closingAModelFreesIt() throws IOException {
        assumeTrue(Files.exists(Path.of("/proc/self/statm")), "skipped: no /proc here");
        openUseClose();
        long before = residentBytes();
        long used = 0;
        while (used < 3 * LEAK_BYTES) {
            used += openUseClose();
        }
        assertThat(mappings()).isZero();
        assertThat(threads()).isLessThan(100);
        assertThat(residentBytes() - before).isLessThan(LEAK_BYTES);
    }

    @Test
    void closingSessionsAndStatesFreesThem() throws IOException {
        assumeTrue(Files.exists(Path.of("/proc/self/statm")), "skipped: no /proc here");
        try (RwkvModel model = RwkvModel.load(
                SmallModels.write(folder.resolve("many.gguf"), Version.V7, 65536, 1))) {
            long bytes = model.info().stateBytes() + 65536 * Float.BYTES;
            long before = residentBytes();
            for (long used = 0; used < 3 * LEAK_BYTES; used += bytes) {
                try (RwkvSession session = model.newSession(); RwkvState state = session.state()) {
                    session.feed(1);
                    session.restore(state);
                }
            }
            assertThat(residentBytes() - before).isLessThan(LEAK_BYTES);
        }
    }

    /** Returns how much memory that took. */
    private long openUseClose() throws IOException {
        try (RwkvModel model = RwkvModel.load(file);
                RwkvSession session = model.newSession();
                RwkvState state = session.state()) {
            session.feed(1, 2, 3);
            session.restore(state);
            return model.info().allocatedBytes() + model.info().scratchBytes();
        }
    }

    @Test
    void whatIsForgottenIsFreed() throws Exception {
        assumeTrue(Files.exists(Path.of("/proc/self/maps")), "skipped: no /proc here");
        forget();
        assertThat(mappings()).isPositive();
        long end = System.nanoTime() + SECONDS.toNanos(30);
        while (mappings() > 0 && System.nanoTime() < end) {
            System.gc();
            Thread.sleep(20);
        }
        assertThat(mappings()).isZero();
    }

    private void forget() throws IOException {
        for (int i = 0; i < 3; i++) {
            RwkvModel model = RwkvModel.load(file);
            RwkvSession session = model.newSession();
            session.feed(1);
            session.generate(Sampling.greedy().withStop("x")).findFirst();
            session.state().position();
        }
    }

    @Test
    void aForgottenSessionIsFreedBeforeItsModel() throws Exception {
        try (RwkvModel model = RwkvModel.load(file)) {
            for (int i = 0; i < 2000; i++) {
                model.newSession().feed(i % 256);
                if (i % 100 == 0) {
                    System.gc();
                }
            }
            try (RwkvSession session = model.newSession()) {
                session.feed(1);
                assertThat(session.logits()).doesNotContain(Float.NaN);
            }
        }
    }

    /** How many times the model file is mapped. */
    private long mappings() throws IOException {
        try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
            String name = "/" + folder.getFileName() + "/" + file.getFileName();
            return lines.filter(line -> line.endsWith(name)).count();
        }
    }

    private static long threads() throws IOException {
        try (var tasks = Files.list(Path.of("/proc/self/task"))) {
            return tasks.count();
        }
    }

    private static long residentBytes() throws IOException {
        return 4096 * Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]);
    }
}
