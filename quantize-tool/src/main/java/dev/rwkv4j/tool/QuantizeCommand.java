package dev.rwkv4j.tool;

import dev.rwkv4j.RwkvCalibration;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Figures;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Output;
import dev.rwkv4j.tool.cli.Progress;
import dev.rwkv4j.tool.cli.Table;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import dev.rwkv4j.tool.convert.Conversion;
import dev.rwkv4j.tool.convert.ConversionResult;
import dev.rwkv4j.tool.convert.InputFiles;
import dev.rwkv4j.tool.convert.ModelSource;
import dev.rwkv4j.tool.convert.ModelSource.Additions;
import dev.rwkv4j.tool.convert.ModelWriter;
import dev.rwkv4j.tool.quality.Predictions;
import dev.rwkv4j.tool.quantize.Calibration;
import dev.rwkv4j.tool.quantize.ImportanceMatrix;
import dev.rwkv4j.tool.quantize.Mix;
import dev.rwkv4j.tool.quantize.Quantization;
import dev.rwkv4j.tool.quantize.QuantizationPlan;
import dev.rwkv4j.tool.quantize.Rounding;
import dev.rwkv4j.tool.quantize.TypeOverride;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** {@code rwkv quantize}: a smaller model. */
final class QuantizeCommand implements Command {
    private static final String PLAIN = "plain";
    private static final String IMATRIX = "imatrix";
    private static final String CALIBRATE = "calibrate";

    private static final double LEAST_EPSILON = 1e-9;

    private static final String TYPES = Figures.list(List.of(GgmlType.values()));

    private static final Manual MANUAL = Manual.of("quantize", "make a model smaller and faster")
            .usage("IN OUT.gguf --type TYPE [OPTION]...")
            .usage("IN --type TYPE --dry-run [OPTION]...")
            .purpose(
                    """
                            Stores the matrices of a model in fewer bits. Takes whatever convert takes, a published checkpoint or a
                            GGUF file, in one go, and writes a GGUF file, which llama.cpp reads too if it is RWKV-6 or 7. What a
                            type costs in quality, perplexity tells. Needs little memory however large the model is, unless it calibrates.""")
            .operand("IN")
            .operand("[OUT.gguf]")
            .section("Types")
            .value("t", "type", "TYPE", "one type for all large matrices: " + TYPES
                    + "; or a mix that gives more bits where RWKV needs them, named after the bits of most matrices: "
                    + Figures.list(Mix.mixes()))
            .value(null, "tensor", "PATTERN=TYPE",
                    "another type for matrices with such names, in which * stands for any characters and ? for one; "
                            + "may be repeated, and the last one that fits counts")
            .flag(null, "requantize",
                    "allow tensors that are quantised already to be quantised again, which costs more "
                            + "quality than quantising the original")
            .section("Rounding (default: the scales that make the squared error of the weights small)")
            .value(null, IMATRIX, "FILE",
                    "give the weights that matter smaller errors: what rwkv imatrix, or llama-imatrix, "
                            + "has found out about IN")
            .value(null, CALIBRATE, "TEXT",
                    "let IN, which should not be quantised, read this text, of which the first 32768 tokens count; "
                            + "let the weights of a row make good each other's errors, and each matrix those of the "
                            + "matrices before it: the best quality, in minutes, with memory for all of OUT.gguf; "
                            + "- is the standard input")
            .flag(null, PLAIN, "round as ggml does without knowing what is important, which is faster: blocks of 32 "
                    + "then are those of llama-quantize, byte for byte")
            .section("Model")
            .value("v", "vocab", "FILE", "vocabulary to store with the model (default: that of IN, if it has one)")
            .value(null, "group-norm-epsilon", "X", "epsilon of the group norm, for models that were trained with "
                    + "another one than the official 0.00064 (default: that of IN)")
            .section("Output")
            .flag("n", "dry-run", "write nothing; list all tensors (dimensions fastest first), and sizes in bytes")
            .flag("f", OutputFile.OPTION, OutputFile.DESCRIPTION)
            .value(null, ModelArguments.THREADS, "N", "number of threads (default: all processors)")
            .example("A quarter of the size, little quality lost", "quantize model.gguf model-q4.gguf --type Q4_M")
            .example("From a checkpoint, with a better head",
                    "quantize model.pth model.gguf --vocab vocab.txt -t Q4_K --tensor output.weight=Q8_0")
            .example("How large would it be?", "quantize model.pth --type Q5_M --dry-run")
            .build();

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        arguments.exclude(PLAIN, IMATRIX);
        arguments.exclude(PLAIN, CALIBRATE);
        arguments.exclude(IMATRIX, CALIBRATE);
        Path source = arguments.operandPath(0);
        Quantization quantization = quantization(arguments);
        if (arguments.has("dry-run")) {
            print(quantization.plan(source), terminal.out());
            return;
        }
        if (arguments.operand(1).isEmpty()) {
            throw new UsageException("OUT.gguf is missing; see rwkv quantize --help");
        }
        Path target = OutputFile.check(arguments.operandPath(1), arguments, IMATRIX, CALIBRATE);
        QuantizationPlan plan = quantization.plan(source);
        ConversionResult result = arguments.path(CALIBRATE).isPresent()
                ? calibrate(quantization, source, target, arguments, terminal)
                : write(quantization.withRounding(rounding(arguments)), source, target, terminal);
        terminal.err().println(target + ": " + result.architecture() + ", " + Figures.bytes(result.bytes()) + ", "
                + bits(plan) + " bits per weight");
        result.notes().forEach(note -> terminal.err().println("rwkv: note: " + note));
    }

    private static ConversionResult write(Quantization quantization, Path source, Path target, Terminal terminal)
            throws IOException {
        try (Progress progress = new Progress(terminal, "writing " + target)) {
            return quantization.run(source, target, (done, all, _) -> progress.update(done, all));
        }
    }

    private static ConversionResult calibrate(Quantization quantization, Path source, Path target, Arguments arguments,
            Terminal terminal) throws UsageException, IOException {
        ScoredText text = new ScoredText(arguments.path(CALIBRATE).orElseThrow(), Predictions.UNLIMITED);
        boolean gguf;
        int[] tokens;
        try (ModelSource model = ModelSource.open(source)) {
            InputFiles.refuse(target, model.files());
            gguf = model.isGguf();
            tokens = CalibrationText.tokens(model.tokenizer(additions(arguments))
                    .orElseThrow(() -> ModelArguments.noTokenizer(source)), text, terminal);
        }
        return gguf
                ? calibrateGguf(quantization, source, target, tokens, arguments, terminal)
                : convertAndCalibrate(quantization, source, target, tokens, arguments, terminal);
    }

    /** What is no GGUF file is converted first, since a model has to be one to be run. */
    private static ConversionResult convertAndCalibrate(Quantization quantization, Path source, Path target,
            int[] tokens, Arguments arguments, Terminal terminal) throws UsageException, IOException {
        Conversion conversion = new Conversion(Optional.empty(), additions(arguments), true);
        List<String> notes = new ArrayList<>();
        try (TemporaryFile converted = TemporaryFile.beside(target)) {
            try (Progress progress = new Progress(terminal, "converting " + source)) {
                converted.fill(file -> notes.addAll(
                        conversion.run(source, file, (done, all, _) -> progress.update(done, all)).notes()));
            }
            ConversionResult result = calibrateGguf(quantization, converted.path(), target, tokens, arguments,
                    terminal);
            return new ConversionResult(result.architecture(), result.tensors(), result.bytes(), notes);
        }
    }

    private static ConversionResult calibrateGguf(Quantization quantization, Path source, Path target, int[] tokens,
            Arguments arguments, Terminal terminal) throws UsageException, IOException {
        Map<String, GgmlType> types = quantization.rounded(source);
        try (RwkvCalibration models = RwkvCalibration.open(source, ModelArguments.threads(arguments), types)) {
            Calibration calibration = new Calibration(models, types);
            try (Progress progress = new Progress(terminal, "calibrating")) {
                calibration.run(tokens, threads(arguments), (done, all) -> progress.update((double) done / all));
            }
            return write(quantization.withRounding(calibration), source, target, terminal);
        }
    }

    private static Rounding rounding(Arguments arguments) throws UsageException, IOException {
        Optional<Path> importance = arguments.path(IMATRIX);
        if (importance.isPresent()) {
            return ImportanceMatrix.read(importance.get());
        }
        return arguments.has(PLAIN) ? Rounding.PLAIN : Rounding.SEARCH;
    }

    private static Quantization quantization(Arguments arguments) throws UsageException {
        Quantization quantization = Quantization.to(mix(arguments))
                .withRequantize(arguments.has("requantize"))
                .withWriter(writer(arguments));
        for (String text : arguments.texts("tensor")) {
            quantization = quantization.withOverride(override(arguments, text));
        }
        return quantization;
    }

    private static ModelWriter writer(Arguments arguments) throws UsageException {
        return new ModelWriter(additions(arguments), arguments.has(OutputFile.OPTION), threads(arguments));
    }

    private static int threads(Arguments arguments) throws UsageException {
        return arguments.integer(ModelArguments.THREADS, Runtime.getRuntime().availableProcessors(), 1,
                ModelArguments.MOST_THREADS);
    }

    private static Mix mix(Arguments arguments) throws UsageException {
        String name = arguments.text("type").orElseThrow(() -> arguments.missing("type"));
        Optional<Mix> mix = Mix.find(name);
        if (mix.isEmpty()) {
            throw arguments.bad("type", name, "one of " + TYPES + ", or one of the mixes "
                    + Figures.list(Mix.mixes()));
        }
        return mix.get();
    }

    private static TypeOverride override(Arguments arguments, String text) throws UsageException {
        int sign = text.lastIndexOf('=');
        String typeName = text.substring(sign + 1);
        for (GgmlType type : GgmlType.values()) {
            if (sign > 0 && type.name().equalsIgnoreCase(typeName)) {
                return new TypeOverride(text.substring(0, sign), type);
            }
        }
        throw arguments.bad("tensor", text, "PATTERN=TYPE with a type that is one of " + TYPES);
    }

    private static Additions additions(Arguments arguments) throws UsageException {
        Additions additions = Additions.NONE;
        Optional<Path> vocabulary = arguments.path("vocab");
        if (vocabulary.isPresent()) {
            additions = additions.withVocabulary(vocabulary.get());
        }
        return arguments.has("group-norm-epsilon")
                ? additions.withGroupNormEpsilon(arguments.number("group-norm-epsilon", 0, LEAST_EPSILON, 1))
                : additions;
    }

    private static void print(QuantizationPlan plan, Output out) {
        Table table = new Table("tensor", "dimensions", "from", "to", "bytes");
        for (QuantizationPlan.Tensor tensor : plan.tensors()) {
            String dimensions = tensor.dims().stream().map(Object::toString).collect(Collectors.joining(" x "));
            table.row(tensor.name(), dimensions, tensor.from().name(), tensor.to().name(),
                    Long.toString(tensor.bytes()));
        }
        out.print(table.toString());
        out.println("");
        out.println("in all: " + plan.bytes() + " bytes (" + Figures.bytes(plan.bytes()) + ", from "
                + Figures.bytes(plan.sourceBytes()) + "), " + bits(plan) + " bits per weight");
    }

    private static String bits(QuantizationPlan plan) {
        return String.format(Locale.ROOT, "%.2f", plan.bitsPerWeight());
    }
}
