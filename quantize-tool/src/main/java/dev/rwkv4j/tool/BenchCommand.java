package dev.rwkv4j.tool;

import dev.rwkv4j.CpuInfo;
import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.tool.bench.HiddenZeros;
import dev.rwkv4j.tool.bench.ModelBench;
import dev.rwkv4j.tool.bench.ProcessMemory;
import dev.rwkv4j.tool.bench.Speed;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/** {@code rwkv bench}: how fast models are on this machine. */
final class BenchCommand implements Command {
    static final String DECODE = "decode";
    static final int MOST_TOKENS = 1 << 24;

    private static final String PROMPT = "prompt";
    private static final String REPETITIONS = "repetitions";
    private static final String BATCH = "batch";
    private static final String ZEROS = "zeros";
    private static final int PROMPT_TOKENS = 256;
    private static final int DECODE_TOKENS = 64;
    private static final int TIMES = 5;
    private static final int MOST_TIMES = 1000;
    private static final int MOST_TEXTS = 4096;
    private static final double MILLIS = 1e6;

    private static final Manual MANUAL = manualOf(Manual.of("bench", "measure speed and memory of models")
            .usage("-m MODEL... [OPTION]...")
            .usage("-m MODEL --curve FILE.svg [-n N] [OPTION]...")
            .purpose(
                    """
                            Measures how many tokens of a prompt are read in a second and how many are decoded, one after the other;
                            how long a model takes to load; and the most memory that the whole process held meanwhile. The tokens
                            are random; speeds are the median of some repetitions after a warm-up, beside the slowest and the
                            fastest. With --curve, one long text is generated instead: its time and memory after so many tokens."""));

    private static Manual manualOf(Manual.Builder manual) {
        Manual.Builder model = manual.section("Model")
                .value("m", ModelArguments.MODEL, "FILE", "a model, a GGUF file; may be repeated (required)")
                .value("t", ModelArguments.THREADS, "N,...",
                        "threads that compute, each number in turn (default: one for each processor)");
        return ModelArguments.dense(model)
                .section("Measurement")
                .value("p", PROMPT, "N", "tokens of the prompt (default " + PROMPT_TOKENS + ")")
                .value("n", DECODE, "N", "tokens that are decoded (default " + DECODE_TOKENS + ", of a curve "
                        + CurveBench.TOKENS + ")")
                .value("b", BATCH, "N,...", "decode so many texts at once as well; speeds are those of all together")
                .value("r", REPETITIONS, "N", "how often (default " + TIMES + ")")
                .flag(null, ZEROS,
                        "find the share of zeros after relu^2 in the channel mix, whose weights are not read, "
                                + "in as many tokens that the model writes")
                .section("Output")
                .flag("j", "json", "as a JSON array with an object for each model and number of threads")
                .value(null, CurveBench.CURVE, "FILE.svg", "generate one long text and draw its time and memory; the "
                        + "measurements are written to FILE.json")
                .flag(null, OutputFile.OPTION, "replace the files of a curve if there are any")
                .example("How fast is it here?", "bench -m model.gguf")
                .example("One thread or two? And sixteen texts at once?", "bench -m model.gguf -t 1,2 -b 16")
                .example("Which type?", "bench -m model-Q8_0.gguf -m model-Q4_0.gguf")
                .example("Does it become slower, or larger?", "bench -m model.gguf --curve model.svg")
                .build();
    }

    /** What was measured. */
    private record Result(Path model, int threads, double loadMillis, ModelBench.Speeds speeds, OptionalLong peakBytes,
            OptionalDouble zeros) {
    }

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        if (arguments.has(CurveBench.CURVE)) {
            for (String other : List.of(PROMPT, BATCH, REPETITIONS, ZEROS)) {
                arguments.exclude(CurveBench.CURVE, other);
            }
            CurveBench.run(arguments, terminal);
            return;
        }
        List<Path> models = arguments.paths(ModelArguments.MODEL);
        if (models.isEmpty()) {
            throw arguments.missing(ModelArguments.MODEL);
        }
        List<Integer> threads = arguments.integers(ModelArguments.THREADS, 1, ModelArguments.MOST_THREADS);
        ModelBench.Plan plan = new ModelBench.Plan(
                arguments.integer(PROMPT, PROMPT_TOKENS, 1, MOST_TOKENS),
                arguments.integer(DECODE, DECODE_TOKENS, 1, MOST_TOKENS),
                arguments.integers(BATCH, 1, MOST_TEXTS).stream().distinct().toList(),
                arguments.integer(REPETITIONS, TIMES, 1, MOST_TIMES));
        CpuInfo cpu = CpuInfo.current(); // loads the library, so that the first model does not pay for it
        List<Result> results = new ArrayList<>();
        try (Interruption _ = new Interruption()) {
            for (Path model : models) {
                for (int number : threads.isEmpty() ? List.of(cpu.processors()) : threads) {
                    ModelOptions options = ModelOptions.defaults().withThreads(number)
                            .withDense(arguments.has(ModelArguments.DENSE));
                    results.add(measure(model, options, plan, arguments.has(ZEROS), terminal));
                }
            }
        }
        terminal.out().print(arguments.has("json") ? json(results, plan, cpu) : table(results, plan, cpu));
    }

    private static Result measure(Path file, ModelOptions options, ModelBench.Plan plan, boolean zeros,
            Terminal terminal) throws IOException {
        ProcessMemory.resetPeak();
        long begin = System.nanoTime();
        try (RwkvModel model = RwkvModel.load(file, options);
                ModelBench bench = new ModelBench(model, plan);
                Progress progress = new Progress(terminal, "measuring " + file)) {
            double loadMillis = (System.nanoTime() - begin) / MILLIS;
            ModelBench.Speeds speeds = bench.run(progress::update);
            OptionalLong peak = ProcessMemory.peakResidentBytes();
            OptionalDouble share = zeros
                    ? OptionalDouble.of(HiddenZeros.share(model, plan.decodeTokens()))
                    : OptionalDouble.empty();
            return new Result(file, options.threads(), loadMillis, speeds, peak, share);
        }
    }

    private static String table(List<Result> results, ModelBench.Plan plan, CpuInfo cpu) {
        boolean zeros = results.getFirst().zeros().isPresent();
        List<String> titles = new ArrayList<>(List.of("model", "threads", "load", "prompt of " + plan.promptTokens(),
                "decode"));
        plan.batches().forEach(texts -> titles.add("batch of " + texts));
        titles.add("peak memory");
        if (zeros) {
            titles.add("zeros");
        }
        Table table = new Table(titles.toArray(String[]::new));
        for (Result result : results) {
            List<String> cells = new ArrayList<>(List.of(
                    result.model().toString(),
                    Integer.toString(result.threads()),
                    Figures.seconds(result.loadMillis() / 1000),
                    result.speeds().prompt().toString(),
                    result.speeds().decode().toString()));
            result.speeds().batches().values().forEach(speed -> cells.add(speed.toString()));
            cells.add(result.peakBytes().isPresent() ? Figures.bytes(result.peakBytes().getAsLong()) : "unknown");
            if (zeros) {
                cells.add(Figures.significant(100 * result.zeros().getAsDouble()) + " %");
            }
            table.row(cells.toArray(String[]::new));
        }
        return table + "\ntokens/s: the median of " + plan.repetitions() + " and, in brackets, the slowest and the "
                + "fastest; " + cpu.tier() + " kernels on " + cpu.processors() + " processors\n";
    }

    private static String json(List<Result> results, ModelBench.Plan plan, CpuInfo cpu) {
        List<Map<String, Object>> json = new ArrayList<>();
        for (Result result : results) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("model", result.model().toString());
            entry.put("threads", result.threads());
            put(entry, "prompt_", result.speeds().prompt());
            put(entry, "decode_", result.speeds().decode());
            entry.put("batches", batches(result.speeds().batches()));
            entry.put("load_ms", result.loadMillis());
            entry.put("peak_rss_bytes", result.peakBytes().isPresent() ? result.peakBytes().getAsLong() : null);
            if (result.zeros().isPresent()) {
                entry.put("hidden_zeros", result.zeros().getAsDouble());
            }
            entry.put("prompt_tokens", plan.promptTokens());
            entry.put("decode_tokens", plan.decodeTokens());
            entry.put("repetitions", plan.repetitions());
            entry.put("kernels", cpu.tier());
            json.add(entry);
        }
        return Json.of(json) + "\n";
    }

    private static List<Map<String, Object>> batches(Map<Integer, Speed> speeds) {
        List<Map<String, Object>> json = new ArrayList<>();
        speeds.forEach((texts, speed) -> {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("texts", texts);
            put(entry, "", speed);
            json.add(entry);
        });
        return json;
    }

    private static void put(Map<String, Object> entry, String what, Speed speed) {
        entry.put(what + "tokens_per_second", speed.median());
        entry.put(what + "tokens_per_second_range", speed.range());
    }
}
