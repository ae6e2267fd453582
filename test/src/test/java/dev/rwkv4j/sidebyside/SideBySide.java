package dev.rwkv4j.sidebyside;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.llamacpp.LlamaCpp;
import dev.rwkv4j.tool.bench.Speed;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Figures;
import dev.rwkv4j.tool.cli.Json;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Progress;
import dev.rwkv4j.tool.cli.Table;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.Tool;
import dev.rwkv4j.tool.cli.UsageException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * The same files in this library, in llama.cpp and in java-llama.cpp, in turns, each time in a new process: machines change
 * their speed from minute to minute, so that only what is measured side by side can be compared.
 */
final class SideBySide implements Command {
    private static final int MOST = 1 << 20;

    private static final Manual MANUAL = Manual.of("side-by-side", "speed and memory beside llama.cpp")
            .usage("-m MODEL... [OPTION]...")
            .purpose("""
                    Measures the same files in rwkv4j, in llama.cpp, as node-llama-cpp brings it, and in java-llama.cpp,
                    in turns and each time in a new process, and prints the median of all rounds, the slowest and the
                    fastest, and how many times as fast rwkv4j was in the same round, at each engine's best number of
                    threads. java-llama.cpp needs a model with a tokenizer.""")
            .section("Measurement")
            .value("m", "model", "FILE", "an RWKV-6 or RWKV-7 model, a GGUF file; may be repeated (required)")
            .value("t", "threads", "N,...",
                    "threads that compute, each number in turn (default: one for each processor)")
            .value("p", "prompt", "N", "tokens of the prompt (default 256)")
            .value("n", "decode", "N", "tokens that are decoded (default 64)")
            .value("r", "repetitions", "N", "how often in a process (default 3)")
            .value(null, "rounds", "N", "how many processes of each kind (default 3)")
            .section("Output")
            .flag("j", "json", "as a JSON array with an object for each process")
            .build();

    /** One process. */
    private record Run(int round, Path model, Engine engine, int threads, Measurement found) {
    }

    private final Map<Engine, String> absent = new LinkedHashMap<>();

    /** Run by the script {@code test/side-by-side}. */
    public static void main(String[] arguments) {
        List<String> typed = new ArrayList<>(List.of(MANUAL.name()));
        typed.addAll(List.of(arguments));
        Tool tool = new Tool(MANUAL.summary(), () -> "", List.of(new SideBySide()));
        System.exit(tool.run(typed, Terminal.ofProcess()));
    }

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        List<Path> models = arguments.paths("model");
        if (models.isEmpty()) {
            throw arguments.missing("model");
        }
        List<Integer> threads = arguments.integers("threads", 1, MOST);
        if (threads.isEmpty()) {
            threads = List.of(Runtime.getRuntime().availableProcessors());
        }
        int prompt = arguments.integer("prompt", 256, 1, MOST);
        int decode = arguments.integer("decode", 64, 1, MOST);
        int repetitions = arguments.integer("repetitions", 3, 1, MOST);
        int rounds = arguments.integer("rounds", 3, 1, MOST);
        if (LlamaCpp.folder(Engine.ROOT).isEmpty()) {
            absent.put(Engine.LLAMA_CPP, LlamaCpp.INSTALL_COMMAND + ", or set " + LlamaCpp.FOLDER_VARIABLE);
        }
        List<Run> runs = new ArrayList<>();
        try (Progress progress = new Progress(terminal, "measuring")) {
            for (int round = 0; round < rounds; round++) {
                for (int i = 0; i < models.size(); i++) {
                    List<Engine> engines = enginesFor(models.get(i));
                    if (round % 2 == 1) {
                        Collections.reverse(engines);
                    }
                    for (Engine engine : engines) {
                        for (int count : threads) {
                            Plan plan = new Plan(count, prompt, decode, repetitions);
                            runs.add(new Run(round, models.get(i), engine, count,
                                    measure(engine, models.get(i), plan)));
                        }
                    }
                    progress.update((round * models.size() + i + 1.0) / (rounds * models.size()));
                }
            }
        }
        terminal.out().print(arguments.has("json") ? json(runs) : table(models, runs));
        absent.forEach((engine, why) -> terminal.err().println(engine + " was not measured: " + why));
    }

    private List<Engine> enginesFor(Path model) throws IOException {
        List<Engine> engines = new ArrayList<>(List.of(Engine.values()));
        try (GgufFile file = GgufFile.open(model)) {
            if (file.metadata().getString("tokenizer.ggml.model", "none").equals("none")) {
                absent.put(Engine.JAVA_LLAMA_CPP, model + " has no tokenizer; rwkv convert --vocab adds one");
                engines.remove(Engine.JAVA_LLAMA_CPP);
            }
        }
        if (absent.containsKey(Engine.LLAMA_CPP)) {
            engines.remove(Engine.LLAMA_CPP);
        }
        return engines;
    }

    private static Measurement measure(Engine engine, Path model, Plan plan) throws IOException {
        Path errors = Files.createTempFile("side-by-side", ".err");
        try {
            Process process = new ProcessBuilder(engine.command(model, plan)).redirectError(errors.toFile()).start();
            String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            int status = process.waitFor();
            if (status != 0) {
                throw new IOException(engine + " ended with " + status + ": " + Files.readString(errors).strip());
            }
            return Measurement.parse(out);
        } catch (InterruptedException e) {
            throw new IOException("interrupted", e);
        } finally {
            Files.delete(errors);
        }
    }

    private static String table(List<Path> models, List<Run> runs) {
        StringBuilder tables = new StringBuilder();
        for (Path model : models) {
            Table table = new Table(model.toString(), "prompt", "threads", "ratio", "decode", "threads", "ratio",
                    "peak memory");
            for (Engine engine : Engine.values()) {
                List<Run> its = runs.stream().filter(run -> run.model().equals(model) && run.engine() == engine)
                        .toList();
                if (!its.isEmpty()) {
                    List<Run> ours = runs.stream()
                            .filter(run -> run.model().equals(model) && run.engine() == Engine.RWKV4J)
                            .toList();
                    List<String> cells = new ArrayList<>(List.of(engine.toString()));
                    cells.addAll(cells(its, ours, Measurement::prompt));
                    cells.addAll(cells(its, ours, Measurement::decode));
                    cells.add(
                            Figures.bytes(its.stream().mapToLong(run -> run.found().peakBytes()).max().orElseThrow()));
                    table.row(cells.toArray(String[]::new));
                }
            }
            tables.append(table).append('\n');
        }
        return tables
                + "tokens/s: the median of all rounds and, in brackets, the slowest and the fastest; ratio: how many "
                + "times as fast rwkv4j is\n";
    }

    /** Speed, at how many threads, and ratio. */
    private static List<String> cells(List<Run> its, List<Run> ours, ToDoubleFunction<Measurement> figure) {
        List<Run> best = atBestThreads(its, figure);
        List<Run> ourBest = atBestThreads(ours, figure);
        double[] speeds = best.stream().mapToDouble(run -> figure.applyAsDouble(run.found())).toArray();
        double[] ratios = new double[speeds.length];
        for (int round = 0; round < speeds.length; round++) {
            ratios[round] = figure.applyAsDouble(ourBest.get(round).found()) / speeds[round];
        }
        return List.of(
                Speed.of(speeds).toString(),
                Integer.toString(best.getFirst().threads()),
                Figures.significant(Speed.of(ratios).median()));
    }

    private static List<Run> atBestThreads(List<Run> runs, ToDoubleFunction<Measurement> figure) {
        Map<Integer, List<Run>> byThreads = new LinkedHashMap<>();
        runs.forEach(run -> byThreads.computeIfAbsent(run.threads(), _ -> new ArrayList<>()).add(run));
        return Collections.max(byThreads.values(), (a, b) -> Double.compare(median(a, figure), median(b, figure)));
    }

    private static double median(List<Run> runs, ToDoubleFunction<Measurement> figure) {
        return Speed.of(runs.stream().mapToDouble(run -> figure.applyAsDouble(run.found())).toArray()).median();
    }

    private static String json(List<Run> runs) {
        List<Map<String, Object>> json = new ArrayList<>();
        for (Run run : runs) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("round", run.round() + 1);
            entry.put("model", run.model().toString());
            entry.put("engine", run.engine().toString());
            entry.put("threads", run.threads());
            entry.put(Measurement.PROMPT, run.found().prompt());
            entry.put(Measurement.DECODE, run.found().decode());
            entry.put(Measurement.MEMORY, run.found().peakBytes());
            json.add(entry);
        }
        return Json.of(json) + "\n";
    }
}
