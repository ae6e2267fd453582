package dev.rwkv4j.tool;

import dev.rwkv4j.CpuInfo;
import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.tool.bench.CurveChart;
import dev.rwkv4j.tool.bench.GenerationCurve;
import dev.rwkv4j.tool.bench.GenerationCurve.Point;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Figures;
import dev.rwkv4j.tool.cli.Interruption;
import dev.rwkv4j.tool.cli.Json;
import dev.rwkv4j.tool.cli.Progress;
import dev.rwkv4j.tool.cli.Table;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@code rwkv bench --curve}: a long generation, as a picture and as JSON. */
final class CurveBench {
    static final String CURVE = "curve";
    static final int TOKENS = 100_000;

    private static final String PICTURE = ".svg";
    private static final int ROWS = 10;

    private CurveBench() {
    }

    static void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        List<Path> models = arguments.paths(ModelArguments.MODEL);
        if (models.size() != 1) {
            throw models.isEmpty()
                    ? arguments.missing(ModelArguments.MODEL)
                    : new UsageException("--" + CURVE + " is of one model, not of " + models.size());
        }
        List<Integer> threads = arguments.integers(ModelArguments.THREADS, 1, ModelArguments.MOST_THREADS);
        if (threads.size() > 1) {
            throw new UsageException("--" + CURVE + " is of one number of threads, not of " + threads.size());
        }
        Path file = models.getFirst();
        Path picture = arguments.requiredPath(CURVE);
        Path data = dataFile(picture);
        for (Path output : List.of(picture, data)) {
            OutputFile.check(output, arguments, ModelArguments.MODEL);
        }
        int tokens = arguments.integer(BenchCommand.DECODE, TOKENS, 2, BenchCommand.MOST_TOKENS);
        ModelOptions options = ModelOptions.defaults().withThreads(threads.isEmpty() ? 0 : threads.getFirst())
                .withDense(arguments.has(ModelArguments.DENSE));
        try (Interruption _ = new Interruption(); RwkvModel model = RwkvModel.load(file, options)) {
            GenerationCurve curve = measure(model, tokens, file, terminal);
            String json = json(file, model.info().threads(), curve);
            String svg = CurveChart.svg(Figures.grouped(tokens) + " tokens with " + file.getFileName(), curve);
            OutputFile.write(data, json);
            OutputFile.write(picture, svg);
            terminal.out().print(arguments.has("json") ? json : table(curve) + "\n" + curve.pace() + "\n");
        }
    }

    /** The name of the picture with another ending. */
    private static Path dataFile(Path picture) throws UsageException {
        String name = picture.getFileName() == null ? "" : picture.getFileName().toString();
        if (!name.endsWith(PICTURE) || name.equals(PICTURE)) {
            throw new UsageException(
                    "--" + CURVE + " is " + picture + ", expected a file whose name ends with " + PICTURE);
        }
        return picture.resolveSibling(name.substring(0, name.length() - PICTURE.length()) + ".json");
    }

    private static GenerationCurve measure(RwkvModel model, int tokens, Path file, Terminal terminal) {
        try (Progress progress = new Progress(terminal, "generating with " + file)) {
            return GenerationCurve.measure(model, tokens, point -> progress.update((double) point.tokens() / tokens,
                    Figures.significant(point.tokens() / point.seconds()) + " tokens/s"));
        }
    }

    private static Table table(GenerationCurve curve) {
        Table table = new Table("tokens", "time", "resident memory");
        List<Point> points = curve.points();
        int rows = Math.min(ROWS, points.size() - 1);
        for (int row = 1; row <= rows; row++) {
            Point point = points.get((points.size() - 1) * row / rows);
            table.row(Integer.toString(point.tokens()), Figures.seconds(point.seconds()),
                    point.residentBytes() == 0 ? "unknown" : Figures.bytes(point.residentBytes()));
        }
        return table;
    }

    private static String json(Path model, int threads, GenerationCurve curve) {
        List<Point> points = curve.points();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("model", model.toString());
        json.put("threads", threads);
        json.put("kernels", CpuInfo.current().tier());
        json.put("tokens", points.stream().map(Point::tokens).toList());
        json.put("seconds", points.stream().map(Point::seconds).toList());
        json.put("resident_bytes",
                points.stream().map(point -> point.residentBytes() == 0 ? null : point.residentBytes()).toList());
        return Json.of(json) + "\n";
    }
}
