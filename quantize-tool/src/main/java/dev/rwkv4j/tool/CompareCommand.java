package dev.rwkv4j.tool;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Figures;
import dev.rwkv4j.tool.cli.Interruption;
import dev.rwkv4j.tool.cli.Json;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Output;
import dev.rwkv4j.tool.cli.Progress;
import dev.rwkv4j.tool.cli.Table;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import dev.rwkv4j.tool.convert.InputFiles;
import dev.rwkv4j.tool.quality.Divergence;
import dev.rwkv4j.tool.quality.LockStep;
import dev.rwkv4j.tool.quality.Predictions;
import dev.rwkv4j.tool.quality.QualityChart;
import dev.rwkv4j.tool.quality.TextTokens;
import dev.rwkv4j.tool.quality.WeightErrors;
import dev.rwkv4j.tool.quality.WeightErrors.TensorError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code rwkv compare}: what quantising a model has cost. */
final class CompareCommand implements Command {
    private static final String CHART = "chart";
    private static final double MEDIAN = 0.5;
    private static final double NEARLY_ALL = 0.99;

    private static final Manual MANUAL = manualOf(Manual.of("compare", "measure what quantizing a model has cost")
            .usage("BASE QUANTIZED... -f TEXT [OPTION]...")
            .purpose(
                    """
                            Lets each of the quantized models and the one they were made of read the same text, side by side, and
                            tells how far they are apart: the Kullback-Leibler divergence of what they expect after each token (0:
                            the same), how often both take the same token for the likeliest, the perplexity of both, and the
                            relative error of the weights. The memory is that of two models, however many there are.""")
            .operand("BASE")
            .operand("QUANTIZED..."));

    /** What was found for one file. */
    private record Result(Path file, long bytes, Divergence divergence, WeightErrors weights) {
    }

    private static Manual manualOf(Manual.Builder manual) {
        Manual.Builder text = ScoredText.options(manual,
                "the text, UTF-8, read once for each quantized model (required)");
        return ModelArguments.vocabulary(ModelArguments.threads(text.section("Models")))
                .section("Output")
                .flag(null, "tensors", "list the relative errors of all tensors, which JSON always does")
                .flag("j", "json", "as JSON")
                .value(null, CHART, "FILE.svg", "draw a picture: the size of each file and its divergence")
                .flag(null, OutputFile.OPTION, OutputFile.DESCRIPTION)
                .example("Which type is good enough?",
                        "compare model-F16.gguf model-Q8_0.gguf model-Q4_K.gguf -f book.txt --chart types.svg")
                .example("Which tensors suffer most?", "compare model-F16.gguf model-Q4_0.gguf -f book.txt --tensors")
                .build();
    }

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        ScoredText text = ScoredText.of(arguments);
        if (text.isStandardInput()) {
            throw new UsageException("-f, --file is -, expected a file: the text is read once for each model");
        }
        Optional<Path> chart = arguments.path(CHART);
        if (chart.isPresent()) {
            InputFiles.refuse(chart.get(), arguments.operandPaths(0));
            OutputFile.check(chart.get(), arguments, ModelArguments.VOCABULARY, ScoredText.FILE);
        }
        Path baseFile = arguments.operandPath(0);
        List<Result> results = new ArrayList<>();
        try (Interruption _ = new Interruption(); RwkvModel base = load(baseFile, arguments)) {
            Tokenizer tokenizer = ModelArguments.tokenizer(base, baseFile);
            for (Path file : arguments.operandPaths(1)) {
                try (RwkvModel model = load(file, arguments)) {
                    requireSameVocabulary(base, baseFile, model, file);
                    Divergence divergence = compare(base, model, tokenizer, text, file, terminal);
                    results.add(new Result(file, Files.size(file), divergence, weights(baseFile, file)));
                }
            }
        }
        if (chart.isPresent()) {
            draw(baseFile, results, chart.get());
        }
        if (arguments.has("json")) {
            terminal.out().println(Json.of(json(baseFile, text, results)));
        } else {
            print(baseFile, text, results, arguments.has("tensors"), terminal.out());
        }
    }

    private static RwkvModel load(Path file, Arguments arguments) throws UsageException, IOException {
        return RwkvModel.load(file, ModelArguments.options(arguments));
    }

    private static void requireSameVocabulary(RwkvModel base, Path baseFile, RwkvModel other, Path file)
            throws IOException {
        String expected = ", expected the vocabulary of " + baseFile;
        int size = base.info().vocabularySize();
        if (other.info().vocabularySize() != size) {
            throw new IOException(file + ": the model has a vocabulary of " + other.info().vocabularySize() + " tokens"
                    + expected + ", " + size + " tokens");
        }
        Tokenizer tokens = base.tokenizer().orElseThrow();
        Tokenizer others = other.tokenizer().orElse(tokens); // a model without any takes what it is given
        for (int token = 0; token < size; token++) {
            if (!Arrays.equals(others.bytes(token), tokens.bytes(token))) {
                throw new IOException(file + ": token " + token + " is another one" + expected);
            }
        }
    }

    private static Divergence compare(RwkvModel base, RwkvModel model, Tokenizer tokenizer, ScoredText text, Path file,
            Terminal terminal) throws IOException {
        double bytes = text.bytes();
        try (LockStep lockStep = new LockStep(base, model, tokenizer);
                TextTokens tokens = text.open(tokenizer, terminal);
                Progress progress = new Progress(terminal, file.toString())) {
            Predictions predictions = text.predictions(tokens, LockStep.mostTokens(base.info().vocabularySize()));
            Divergence divergence = lockStep.run(predictions, sofar -> progress.update(
                    bytes == 0 ? Double.NaN : sofar.perplexity().bytes() / bytes,
                    "divergence " + mean(sofar)));
            if (divergence.perplexity().tokens() == 0) {
                throw text.tooShort();
            }
            return divergence;
        }
    }

    private static WeightErrors weights(Path base, Path file) throws IOException {
        try (GgufFile truth = GgufFile.open(base); GgufFile judged = GgufFile.open(file)) {
            return WeightErrors.of(truth, judged);
        }
    }

    private static void draw(Path base, List<Result> results, Path chart) throws IOException {
        List<QualityChart.Point> points = results.stream()
                .map(result -> new QualityChart.Point(name(result.file()), result.bytes(),
                        result.divergence().mean().value()))
                .toList();
        String svg = QualityChart.svg(name(base), points);
        OutputFile.write(chart, svg);
    }

    private static String name(Path file) {
        return file.getFileName().toString().replaceFirst("\\.gguf$", "");
    }

    private static String mean(Divergence divergence) {
        return Figures.withError(divergence.mean().value(), divergence.mean().error());
    }

    private static void print(Path base, ScoredText text, List<Result> results, boolean tensors, Output out)
            throws IOException {
        Divergence any = results.getFirst().divergence();
        out.println("base  " + base + ", " + Figures.bytes(Files.size(base)) + ", perplexity "
                + Figures.withError(any.basePerplexity().value(), any.basePerplexity().error()));
        out.println("text  " + text.file() + ", " + any.perplexity().tokens() + " tokens predicted");
        out.println("").print(predictions(results).toString());
        out.println("").print(weights(results).toString());
        for (Result result : results) {
            result.weights().notes().forEach(note -> out.println(result.file() + ": not compared: " + note));
        }
        if (tensors) {
            out.println("").print(tensors(results).toString());
        }
    }

    private static Table predictions(List<Result> results) {
        Table table = new Table("model", "size", "KL mean (nats)", "median", "99 %", "largest", "same top token",
                "perplexity", "ratio");
        for (Result result : results) {
            Divergence found = result.divergence();
            table.row(
                    result.file().toString(),
                    Figures.bytes(result.bytes()),
                    mean(found),
                    Figures.significant(found.quantiles().quantile(MEDIAN)),
                    Figures.significant(found.quantiles().quantile(NEARLY_ALL)),
                    Figures.significant(found.quantiles().largest()),
                    percent(found.agreement()),
                    Figures.withError(found.perplexity().value(), found.perplexity().error()),
                    Figures.withError(found.ratio(), found.ratioError()));
        }
        return table;
    }

    private static Table weights(List<Result> results) {
        Table table = new Table("model", "error of the weights", "of the worst tensor", "which is");
        for (Result result : results) {
            Optional<TensorError> worst = result.weights().worst();
            table.row(
                    result.file().toString(),
                    percent(result.weights().relative()),
                    worst.map(tensor -> percent(tensor.relative())).orElse(""),
                    worst.map(TensorError::name).orElse(""));
        }
        return table;
    }

    private static Table tensors(List<Result> results) {
        Table table = new Table("model", "tensor", "from", "to", "error");
        for (Result result : results) {
            for (TensorError tensor : result.weights().tensors()) {
                table.row(result.file().toString(), tensor.name(), tensor.baseType().name(), tensor.type().name(),
                        percent(tensor.relative()));
            }
        }
        return table;
    }

    private static String percent(double share) {
        return share == 0 ? "0 %" : share == 1 ? "100 %" : Figures.significant(100 * share) + " %";
    }

    private static Map<String, Object> json(Path base, ScoredText text, List<Result> results) throws IOException {
        Divergence any = results.getFirst().divergence();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("base", base.toString());
        json.put("base_bytes", Files.size(base));
        json.put("base_perplexity", any.basePerplexity().value());
        json.put("base_perplexity_error", any.basePerplexity().error());
        json.put("text", text.file().toString());
        json.put("context", text.context() == Predictions.UNLIMITED ? null : text.context());
        json.put("tokens", any.perplexity().tokens());
        json.put("models", results.stream().map(CompareCommand::json).toList());
        return json;
    }

    private static Map<String, Object> json(Result result) {
        Divergence found = result.divergence();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("model", result.file().toString());
        json.put("bytes", result.bytes());
        json.put("kl_mean", found.mean().value());
        json.put("kl_mean_error", found.mean().error());
        json.put("kl_median", found.quantiles().quantile(MEDIAN));
        json.put("kl_99_percent", found.quantiles().quantile(NEARLY_ALL));
        json.put("kl_largest", found.quantiles().largest());
        json.put("same_top_token", found.agreement());
        json.put("perplexity", found.perplexity().value());
        json.put("perplexity_error", found.perplexity().error());
        json.put("perplexity_ratio", found.ratio());
        json.put("perplexity_ratio_error", found.ratioError());
        json.put("weight_error", result.weights().relative());
        json.put("tensors", result.weights().tensors().stream().map(CompareCommand::json).toList());
        json.put("not_compared", result.weights().notes());
        return json;
    }

    private static Map<String, Object> json(TensorError tensor) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", tensor.name());
        json.put("base_type", tensor.baseType().name());
        json.put("type", tensor.type().name());
        json.put("error", tensor.relative());
        return json;
    }
}
