package dev.rwkv4j.tool;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Figures;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Progress;
import dev.rwkv4j.tool.cli.Suggestion;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import dev.rwkv4j.tool.random.MatrixTypes;
import dev.rwkv4j.tool.random.ModelShape;
import dev.rwkv4j.tool.random.PublishedShapes;
import dev.rwkv4j.tool.random.RandomModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** {@code rwkv random}: a model with random weights. */
final class RandomCommand implements Command {
    private static final List<GgmlType> TYPES = List.of(GgmlType.F32, GgmlType.F16, GgmlType.BF16, GgmlType.Q8_0,
            GgmlType.Q6_K, GgmlType.Q5_K, GgmlType.Q4_K, GgmlType.Q5_1, GgmlType.Q5_0, GgmlType.Q4_1, GgmlType.Q4_0,
            GgmlType.IQ4_NL, GgmlType.Q3_K, GgmlType.Q2_K);
    private static final GgmlType DEFAULT_TYPE = GgmlType.Q8_0;
    private static final int MOST_LAYERS = 1000;
    private static final int MOST_ROWS = 1 << 24;

    private static final Manual MANUAL = Manual.of("random", "make a model with random weights, for measuring")
            .usage("OUT.gguf --shape SHAPE [OPTION]...")
            .purpose("""
                    Writes a model that has the shape of a published one and random weights. It costs what the trained
                    model costs, in time and in memory, so that a machine can be measured before anything is downloaded.
                    What it says means nothing, and it has no tokenizer.""")
            .operand("OUT.gguf")
            .section("Model")
            .value("s", "shape", "SHAPE", "one of " + String.join(", ", PublishedShapes.all().keySet()))
            .value("t", "type", "TYPE",
                    "type of the matrices: " + Figures.list(TYPES) + " (default " + DEFAULT_TYPE + ")")
            .value("l", "layers", "N", "number of layers (default: as the shape has)")
            .value("v", "vocabulary", "N", "number of tokens (default: as the shape has)")
            .value(null, "seed", "N", "what the weights are drawn from: a seed always gives the same file (default 1)")
            .section("Output")
            .flag("f", OutputFile.OPTION, OutputFile.DESCRIPTION)
            .example("What would RWKV-7 1.5B in four bits cost here?", "random big.gguf --shape rwkv7-1.5b --type Q4_K")
            .example("... the answer", "bench -m big.gguf")
            .build();

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        ModelShape shape = shape(arguments);
        GgmlType type = arguments.choice("type", TYPES).orElse(DEFAULT_TYPE);
        long seed = arguments.integer("seed", 1, Long.MIN_VALUE, Long.MAX_VALUE);
        Path target = OutputFile.check(arguments.operandPath(0), arguments);
        RandomModel model = new RandomModel(shape, MatrixTypes.uniform(type), seed);
        try (Progress progress = new Progress(terminal, "writing " + target)) {
            model.write(target, progress::update);
        }
        terminal.err().println(target + ": " + Figures.bytes(Files.size(target)));
    }

    private static ModelShape shape(Arguments arguments) throws UsageException {
        String name = arguments.text("shape").orElseThrow(() -> arguments.missing("shape"));
        ModelShape shape = PublishedShapes.all().get(name);
        if (shape == null) {
            String meant = Suggestion.of(name, PublishedShapes.all().keySet())
                    .map(known -> ", did you mean " + known + "?").orElse("");
            throw new UsageException("unknown shape " + name + meant + "; rwkv random --help lists them");
        }
        return shape.withLayerCount(arguments.integer("layers", shape.layerCount(), 1, MOST_LAYERS))
                .withVocabularySize(arguments.integer("vocabulary", shape.vocabularySize(), 1, MOST_ROWS));
    }
}
