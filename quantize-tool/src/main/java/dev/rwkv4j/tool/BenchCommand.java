package dev.rwkv4j.tool;

import dev.rwkv4j.CpuInfo;
import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Figures;
import dev.rwkv4j.tool.cli.Interruption;
import dev.rwkv4j.tool.cli.Json;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Progress;
import dev.rwkv4j.tool.cli.Table;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;

/** {@code rwkv bench}: how fast models are on this machine. */
final class BenchCommand implements Command {
    private static final int PROMPT_TOKENS = 256;
    private static final int DECODE_TOKENS = 64;
    private static final int REPETITIONS = 5;
    private static final int MOST_TOKENS = 1 << 20;
    private static final int MOST_REPETITIONS = 1000;
    private static final long SEED = 1;
    private static final double NANOS = 1e9;
    private static final double MILLIS = 1e6;

    private static final Manual MANUAL = manualOf(Manual.of("bench", "measure speed and memory of models")
            .usage("-m MODEL... [OPTION]...")
            .purpose(
                    """
                            Measures how many tokens of a prompt are read in a second and how many are decoded, one after the other;
                            how long a model takes to load; and the most memory that the whole process held meanwhile. The tokens
                            are random; speeds are the median of some repetitions, after one that does not count."""));

    private static Manual manualOf(Manual.Builder manual) {
        Manual.Builder model = manual.section("Model")
                .value("m", ModelArguments.MODEL, "FILE", "a model, a GGUF file; may be repeated (required)")
                .value("t", ModelArguments.THREADS, "N",
                        "threads that compute; may be repeated (default: one for each processor)");
        return ModelArguments.dense(model)
                .section("Measurement")
                .value("p", "prompt", "N", "tokens of the prompt (default " + PROMPT_TOKENS + ")")
                .value("n", "decode", "N", "tokens that are decoded (default " + DECODE_TOKENS + ")")
                .value("r", "repetitions", "N", "how often (default " + REPETITIONS + ")")
                .section("Output")
                .flag("j", "json", "as a JSON array with an object for each model and number of threads")
                .example("How fast is it here?", "bench -m model.gguf")
                .example("One thread or two?", "bench -m model.gguf -t 1 -t 2")
                .example("Which type?", "bench -m model-Q8_0.gguf -m model-Q4_0.gguf")
                .build();
    }

    /** What was measured. */
    private record Result(Path model, int threads, double promptTokensPerSecond, double decodeTokensPerSecond,
            double loadMillis, OptionalLong peakBytes) {
    }

    /** What to measure. */
    private record Plan(int promptTokens, int decodeTokens, int repetitions, boolean dense) {
    }

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        List<Path> models = arguments.paths(ModelArguments.MODEL);
        if (models.isEmpty()) {
            throw arguments.missing(ModelArguments.MODEL);
        }
        List<Integer> threads = arguments.integers(ModelArguments.THREADS, 1, ModelArguments.MOST_THREADS);
        Plan plan = new Plan(
                arguments.integer("prompt", PROMPT_TOKENS, 1, MOST_TOKENS),
                arguments.integer("decode", DECODE_TOKENS, 1, MOST_TOKENS),
                arguments.integer("repetitions", REPETITIONS, 1, MOST_REPETITIONS),
                arguments.has(ModelArguments.DENSE));
        CpuInfo cpu = CpuInfo.current(); // loads the library, so that the first model does not pay for it
        List<Result> results = new ArrayList<>();
        try (Interruption _ = new Interruption()) {
            for (Path model : models) {
                for (int number : threads.isEmpty() ? List.of(cpu.processors()) : threads) {
                    results.add(measure(model, number, plan, terminal));
                }
            }
        }
        terminal.out().print(arguments.has("json") ? json(results, plan, cpu) : table(results, plan, cpu));
    }

    private static Result measure(Path file, int threads, Plan plan, Terminal terminal) throws IOException {
        ProcessMemory.resetPeak();
        long begin = System.nanoTime();
        ModelOptions options = ModelOptions.defaults().withThreads(threads).withDense(plan.dense());
        try (RwkvModel model = RwkvModel.load(file, options);
                RwkvSession session = model.newSession();
                Progress progress = new Progress(terminal, "measuring " + file)) {
            double loadMillis = (System.nanoTime() - begin) / MILLIS;
            int[] prompt = new Random(SEED).ints(plan.promptTokens(), 0, model.info().vocabularySize()).toArray();
            int[] decoded = new Random(SEED).ints(plan.decodeTokens(), 0, model.info().vocabularySize()).toArray();
            double[] promptSeconds = new double[plan.repetitions()];
            double[] decodeSeconds = new double[plan.repetitions()];
            for (int i = -1; i < plan.repetitions(); i++) {
                int slot = Math.max(i, 0); // the first one is overwritten
                session.reset();
                promptSeconds[slot] = seconds(() -> session.feed(prompt));
                decodeSeconds[slot] = seconds(() -> decode(session, decoded));
                progress.update((i + 2.0) / (plan.repetitions() + 1));
            }
            return new Result(file, threads, plan.promptTokens() / median(promptSeconds),
                    plan.decodeTokens() / median(decodeSeconds), loadMillis, ProcessMemory.peakResidentBytes());
        }
    }

    private static void decode(RwkvSession session, int[] tokens) {
        for (int token : tokens) {
            session.feed(token);
        }
    }

    private static double seconds(Runnable work) {
        long begin = System.nanoTime();
        work.run();
        return (System.nanoTime() - begin) / NANOS;
    }

    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static String table(List<Result> results, Plan plan, CpuInfo cpu) {
        Table table = new Table("model", "threads", "load", "prompt of " + plan.promptTokens(), "decode",
                "peak memory");
        for (Result result : results) {
            table.row(
                    result.model().toString(),
                    Integer.toString(result.threads()),
                    Figures.seconds(result.loadMillis() / 1000),
                    Figures.significant(result.promptTokensPerSecond()) + " tokens/s",
                    Figures.significant(result.decodeTokensPerSecond()) + " tokens/s",
                    result.peakBytes().isPresent() ? Figures.bytes(result.peakBytes().getAsLong()) : "unknown");
        }
        return table + "\n" + cpu.tier() + " kernels on " + cpu.processors() + " processors; median of "
                + plan.repetitions() + "\n";
    }

    private static String json(List<Result> results, Plan plan, CpuInfo cpu) {
        List<Map<String, Object>> json = new ArrayList<>();
        for (Result result : results) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("model", result.model().toString());
            entry.put("threads", result.threads());
            entry.put("prompt_tokens_per_second", result.promptTokensPerSecond());
            entry.put("decode_tokens_per_second", result.decodeTokensPerSecond());
            entry.put("load_ms", result.loadMillis());
            entry.put("peak_rss_bytes", result.peakBytes().isPresent() ? result.peakBytes().getAsLong() : null);
            entry.put("prompt_tokens", plan.promptTokens());
            entry.put("decode_tokens", plan.decodeTokens());
            entry.put("repetitions", plan.repetitions());
            entry.put("kernels", cpu.tier());
            json.add(entry);
        }
        return Json.of(json) + "\n";
    }
}
