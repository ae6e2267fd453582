package dev.rwkv4j.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.rwkv4j.Generation;
import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.RwkvState;
import dev.rwkv4j.Sampling;
import dev.rwkv4j.SessionInput;
import dev.rwkv4j.StopReason;
import dev.rwkv4j.testdata.SmallModels;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Several threads: what is allowed, what is refused, and what is stopped. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ConcurrencyTest {
    /** Takes long enough to be disturbed. */
    private static final int[] LONG_TEXT = new int[1_000_000];
    private static final Sampling ENDLESS = Sampling.defaults().withSeed(1).withBannedTokens(0)
            .withMaxTokens(Integer.MAX_VALUE);

    @TempDir
    private Path folder;
    private Path file;
    private RwkvModel model;
    private ExecutorService threads;

    @BeforeEach
    void load() throws IOException {
        file = SmallModels.write(folder, Version.V7);
        model = RwkvModel.load(file, ModelOptions.defaults().withChunkTokens(8));
        threads = Executors.newCachedThreadPool();
    }

    @AfterEach
    void close() {
        model.close();
        threads.close();
    }

    /** Runs it in another thread and gives what it throws, or null. */
    private Future<Throwable> elsewhere(ThrowingCallable task) {
        return threads.submit(() -> catchThrowable(task));
    }

    /** A thread that can be looked at, and what it throws. */
    private static final class Running {
        final Thread thread;
        private Throwable thrown;

        Running(ThrowingCallable task) {
            thread = Thread.ofPlatform().start(() -> thrown = catchThrowable(task));
        }

        void awaitCallOf(String method) throws InterruptedException {
            while (thread.isAlive()
                    && Arrays.stream(thread.getStackTrace()).noneMatch(call -> call.getMethodName().equals(method))) {
                Thread.sleep(1);
            }
        }

        Throwable await() throws InterruptedException {
            thread.join();
            return thrown;
        }
    }

    /** Waits until the session has read something that another thread feeds. */
    private static void awaitProgress(RwkvSession session) throws InterruptedException {
        long before = session.position();
        while (session.position() == before) {
            Thread.sleep(1);
        }
    }

    // ------------------------------------------------------------------ one session, two threads

    @Test
    void theSecondThreadOnASessionIsRefused() throws Exception {
        try (RwkvSession session = model.newSession()) {
            Future<Throwable> first = elsewhere(() -> session.feed(LONG_TEXT));
            awaitProgress(session);
            for (ThrowingCallable use : List.<ThrowingCallable>of(
                    () -> session.feed(1),
                    session::logits,
                    session::state,
                    session::fork,
                    session::reset,
                    () -> session.generate(ENDLESS),
                    () -> model.feed(List.of(new SessionInput(session, 1))))) {
                assertThatThrownBy(use)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("in use by thread");
            }
            session.cancel();
            assertThat(first.get()).isInstanceOf(CancellationException.class);
        }
    }

    @Test
    void aConsumerThatCallsBackIsRefused() {
        try (RwkvSession session = model.newSession()) {
            assertThatThrownBy(() -> session.feed(new int[]{1, 2}, (_, _) -> session.feed(3)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("consumer");
            assertThatThrownBy(() -> session.generate(ENDLESS, _ -> session.feed(3)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("consumer");
            session.feed(1);
        }
    }

    @Test
    void aConsumerMayCloseEverything() {
        RwkvSession session = model.newSession();
        assertThatThrownBy(() -> session.feed(new int[100], (_, _) -> session.close()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("session is closed");
        RwkvSession other = model.newSession();
        assertThatThrownBy(() -> other.feed(new int[100], (_, _) -> model.close()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the model");
    }

    @Test
    void sessionsOfManyThreadsGiveTheSameAsOneAfterTheOther() throws Exception {
        float[] expected;
        try (RwkvSession session = model.newSession()) {
            session.feed(new int[500]);
            expected = session.logits();
        }
        List<Future<float[]>> results = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            results.add(threads.submit(() -> {
                try (RwkvSession session = model.newSession()) {
                    session.feed(new int[500]);
                    return session.logits();
                }
            }));
        }
        for (Future<float[]> result : results) {
            assertThat(result.get()).isEqualTo(expected);
        }
    }

    // ------------------------------------------------------------------ cancelling

    @Test
    void cancelStopsAFeedAfterAWholeNumberOfTokens() throws Exception {
        try (RwkvSession session = model.newSession(); RwkvSession expected = model.newSession()) {
            Future<Throwable> feeding = elsewhere(() -> session.feed(LONG_TEXT));
            awaitProgress(session);
            session.cancel();
            assertThat(feeding.get()).isInstanceOf(CancellationException.class);
            assertThatThrownBy(session::logits).hasMessageContaining("no logits");
            expected.feed(new int[Math.toIntExact(session.position())]);
            session.feed(1);
            expected.feed(1);
            assertThat(session.logits()).isEqualTo(expected.logits());
        }
    }

    @Test
    void interruptStopsAFeedAndIsKept() throws Exception {
        try (RwkvSession session = model.newSession()) {
            boolean[] interrupted = new boolean[1];
            Throwable[] thrown = new Throwable[1];
            Thread thread = Thread.ofVirtual().start(() -> {
                thrown[0] = catchThrowable(() -> session.feed(LONG_TEXT));
                interrupted[0] = Thread.currentThread().isInterrupted();
            });
            awaitProgress(session);
            thread.interrupt();
            thread.join();
            assertThat(thrown[0]).isInstanceOf(CancellationException.class);
            assertThat(interrupted[0]).isTrue();
            session.feed(1);
            assertThat(session.logits()).isNotEmpty();
        }
    }

    @Test
    void interruptStopsABatchWithinOneCall() throws Exception {
        try (RwkvSession first = model.newSession(); RwkvSession second = model.newSession()) {
            Running feeding = new Running(() -> model.feed(
                    List.of(new SessionInput(first, LONG_TEXT), new SessionInput(second, LONG_TEXT))));
            feeding.awaitCallOf("rwkv_evaluate");
            feeding.thread.interrupt();
            assertThat(feeding.await()).isInstanceOf(CancellationException.class);
            assertThat(first.position() + second.position()).isLessThan(2L * LONG_TEXT.length);
        }
    }

    @Test
    void cancellingOneStopsTheWholeBatch() throws Exception {
        try (RwkvSession first = model.newSession(); RwkvSession second = model.newSession()) {
            Running feeding = new Running(() -> model.feed(
                    List.of(new SessionInput(first, LONG_TEXT), new SessionInput(second, LONG_TEXT))));
            feeding.awaitCallOf("rwkv_evaluate");
            second.cancel();
            assertThat(feeding.await()).isInstanceOf(CancellationException.class);
            second.feed(1);
        }
    }

    @Test
    void aWaitingThreadCanBeInterrupted() throws Exception {
        try (RwkvSession running = model.newSession(); RwkvSession waiting = model.newSession()) {
            Running feeding = new Running(() -> model.feed(List.of(new SessionInput(running, LONG_TEXT))));
            feeding.awaitCallOf("rwkv_evaluate");
            Running queued = new Running(() -> waiting.feed(1));
            queued.awaitCallOf("lockInterruptibly");
            queued.thread.interrupt();
            assertThat(queued.await()).isInstanceOf(CancellationException.class);
            assertThat(waiting.position()).isZero();
            assertThat(feeding.thread.isAlive()).isTrue();
            running.cancel();
            assertThat(feeding.await()).isInstanceOf(CancellationException.class);
        }
    }

    @Test
    void cancelEndsAGeneration() throws Exception {
        try (RwkvSession session = model.newSession()) {
            session.feed(1);
            Future<Generation> generation = threads.submit(() -> session.generate(ENDLESS, _ -> {
            }));
            awaitProgress(session);
            session.cancel();
            assertThat(generation.get().reason()).isEqualTo(StopReason.CANCELLED);
            assertThat(generation.get().tokens()).isPositive();
            Thread.currentThread().interrupt();
            session.reset();
            Thread.interrupted();
            session.feed(1);
            Generation interrupted = session.generate(ENDLESS, _ -> Thread.currentThread().interrupt());
            assertThat(Thread.interrupted()).isTrue();
            assertThat(interrupted.reason()).isEqualTo(StopReason.CANCELLED);
        }
    }

    @Test
    void cancellingWhatDoesNotRunHasNoEffect() {
        try (RwkvSession session = model.newSession()) {
            session.cancel();
            session.feed(1);
            session.cancel();
            assertThat(session.generate(ENDLESS.withMaxTokens(3), _ -> {
            }).reason()).isEqualTo(StopReason.MAX_TOKENS);
        }
    }

    // ------------------------------------------------------------------ closing under a running evaluation

    @Test
    void closingTheModelStopsEverything() throws Exception {
        for (int i = 0; i < 60; i++) {
            RwkvModel closing = RwkvModel.load(file, ModelOptions.defaults().withChunkTokens(8));
            RwkvSession feeding = closing.newSession();
            RwkvSession generating = closing.newSession();
            RwkvSession first = closing.newSession();
            RwkvSession forking = closing.newSession();
            List<Future<Throwable>> running = List.of(
                    elsewhere(() -> feeding.feed(LONG_TEXT)),
                    elsewhere(() -> {
                        generating.feed(1);
                        generating.generate(ENDLESS.withStop("abcdef"), _ -> {
                        });
                    }),
                    elsewhere(() -> closing.feed(List.of(new SessionInput(first, LONG_TEXT)))),
                    elsewhere(() -> {
                        while (true) {
                            try (RwkvSession fork = forking.fork(); RwkvState state = fork.state()) {
                                state.set(state.toArray());
                            }
                        }
                    }));
            Thread.sleep(i % 10);
            closing.close();
            for (Future<Throwable> each : running) {
                assertThat(each.get())
                        .isInstanceOf(IllegalStateException.class)
                        .isNotInstanceOf(CancellationException.class)
                        .hasMessageContainingAll(file.getFileName().toString(), "is closed");
            }
        }
    }

    @Test
    void closingASessionStopsItAlone() throws Exception {
        for (int i = 0; i < 60; i++) {
            RwkvSession closing = model.newSession();
            try (RwkvSession other = model.newSession()) {
                Future<Throwable> closed = elsewhere(() -> closing.feed(LONG_TEXT));
                Future<Throwable> going = elsewhere(() -> other.feed(new int[200]));
                Thread.sleep(i % 5);
                closing.close();
                assertThat(closed.get())
                        .isInstanceOf(IllegalStateException.class)
                        .isNotInstanceOf(CancellationException.class)
                        .hasMessageContaining("the session is closed");
                assertThat(going.get()).isNull();
            }
        }
    }
}
