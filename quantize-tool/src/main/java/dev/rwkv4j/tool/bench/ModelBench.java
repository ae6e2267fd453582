package dev.rwkv4j.tool.bench;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.SessionInput;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.DoubleConsumer;
import java.util.stream.IntStream;

/**
 * Measures how fast a model reads a prompt, decodes one text, and decodes several at once. All of it is done in turns, so
 * that a machine which becomes slower does so for all. Tokens are random, and a text goes on where it was: what has been
 * read makes no difference to how long it takes.
 */
public final class ModelBench implements AutoCloseable {
    private static final double NANOS = 1e9;
    private static final long SEED = 1;

    /** So long at least everything is done before it counts: Java compiles, caches fill, the processor's clock rises. */
    private static final double WARM_UP_SECONDS = 0.3;

    private final RwkvModel model;
    private final Plan plan;
    private final List<RwkvSession> sessions = new ArrayList<>();
    private final List<Task> tasks = new ArrayList<>();

    /**
     * What to measure.
     *
     * @param promptTokens tokens of the prompt
     * @param decodeTokens tokens that each text gets, one after the other
     * @param batches numbers of texts that are decoded at once
     * @param repetitions how often
     */
    public record Plan(int promptTokens, int decodeTokens, List<Integer> batches, int repetitions) {
    }

    /**
     * What was found.
     *
     * @param batches by number of texts, the tokens of all of them together
     */
    public record Speeds(Speed prompt, Speed decode, Map<Integer, Speed> batches) {
    }

    /** Something that takes time, and how many tokens that is. */
    private record Task(int tokens, Runnable work, double[] seconds) {
        Speed speed() {
            return Speed.of(tokens, seconds);
        }
    }

    /** Of a model, which remains the caller's. */
    public ModelBench(RwkvModel model, Plan plan) {
        this.model = model;
        this.plan = plan;
        RwkvSession session = newSession();
        int[] prompt = randomTokens(plan.promptTokens());
        int[] decoded = randomTokens(plan.decodeTokens());
        add(plan.promptTokens(), () -> session.feed(prompt));
        add(plan.decodeTokens(), () -> {
            for (int token : decoded) {
                session.feed(token);
            }
        });
        for (int size : plan.batches()) {
            List<RwkvSession> batch = IntStream.range(0, size).mapToObj(_ -> newSession()).toList();
            add(size * plan.decodeTokens(), () -> {
                for (int token : decoded) {
                    model.feed(batch.stream().map(one -> new SessionInput(one, token)).toList());
                }
            });
        }
    }

    private RwkvSession newSession() {
        RwkvSession session = model.newSession();
        sessions.add(session);
        return session;
    }

    private int[] randomTokens(int count) {
        return new Random(SEED).ints(count, 0, model.info().vocabularySize()).toArray();
    }

    private void add(int tokens, Runnable work) {
        tasks.add(new Task(tokens, work, new double[plan.repetitions()]));
    }

    /**
     * Measures.
     *
     * @param progress is told how far it is, from 0 to 1
     * @throws java.util.concurrent.CancellationException if the thread is interrupted
     */
    public Speeds run(DoubleConsumer progress) {
        double steps = (plan.repetitions() + 1) * tasks.size();
        int step = 0;
        for (Task task : tasks) {
            warmUp(task);
            progress.accept(++step / steps);
        }
        for (int i = 0; i < plan.repetitions(); i++) {
            for (Task task : tasks) {
                task.seconds()[i] = seconds(task.work());
                progress.accept(++step / steps);
            }
        }
        Map<Integer, Speed> batches = new LinkedHashMap<>();
        for (int i = 0; i < plan.batches().size(); i++) {
            batches.put(plan.batches().get(i), tasks.get(i + 2).speed());
        }
        return new Speeds(tasks.get(0).speed(), tasks.get(1).speed(), batches);
    }

    private static void warmUp(Task task) {
        for (double spent = 0; spent < WARM_UP_SECONDS;) {
            spent += seconds(task.work());
        }
    }

    private static double seconds(Runnable work) {
        long begin = System.nanoTime();
        work.run();
        return (System.nanoTime() - begin) / NANOS;
    }

    @Override
    public void close() {
        sessions.forEach(RwkvSession::close);
    }
}
