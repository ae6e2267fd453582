package dev.rwkv4j.tool;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Figures;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Progress;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import dev.rwkv4j.tool.convert.Conversion;
import dev.rwkv4j.tool.convert.ConversionResult;
import dev.rwkv4j.tool.convert.StateConversion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** {@code rwkv convert}: a GGUF file of a checkpoint in another format. */
final class ConvertCommand implements Command {
    private static final List<GgmlType> TYPES = List.of(GgmlType.F32, GgmlType.F16, GgmlType.BF16);

    private static final double LEAST_EPSILON = 1e-9;

    private static final String MODEL = "model";

    private static final Manual MANUAL = Manual.of("convert", "make a GGUF model file of a published checkpoint")
            .usage("IN OUT.gguf [OPTION]...")
            .usage("STATE OUT.state --model MODEL.gguf")
            .purpose(
                    """
                            Reads a checkpoint of RWKV-4, 5, 6 or 7 and writes it as GGUF, which is what all other commands read.
                            IN is a .pth file of PyTorch, a .safetensors or .st file, the index of several such files or their
                            folder, a .bin file of rwkv.cpp, or a GGUF file that shall have another type or vocabulary. Names are
                            those of BlinkDL, Hugging Face, flash-linear-attention or web-rwkv. Files of RWKV-6 and 7 are those
                            that llama.cpp reads too. Needs little memory however large the checkpoint is.
                            STATE is a checkpoint with a tuned initial state (time_state), alone or beside its model. With the
                            model that it was tuned for it becomes a state that generate begins with.""")
            .operand("IN")
            .operand("OUT.gguf")
            .section("Model")
            .value("t", "type", "TYPE",
                    "type of the matrices: " + Figures.list(TYPES) + " (default: as in the checkpoint)")
            .value("v", "vocab", "FILE",
                    "vocabulary to store with the model: rwkv_vocab_v20230424.txt for World models, "
                            + "20B_tokenizer.json for Pile models (default: none; then the model takes tokens, not text)")
            .value(null, "group-norm-epsilon", "X",
                    "epsilon of the group norm, for models that were trained with another one than the official "
                            + "0.00064 (default: the checkpoint's, else 0.00064)")
            .section("State")
            .value("m", MODEL, "FILE", "make a state of this model, a GGUF file, of the time_state in STATE")
            .section("Output")
            .flag("f", OutputFile.OPTION, OutputFile.DESCRIPTION)
            .example("A World model, ready for text",
                    "convert world.pth model.gguf --vocab rwkv_vocab_v20230424.txt")
            .example("In 16 bits, whatever the checkpoint has", "convert model.pth model.gguf --type F16 --force")
            .example("A tuned state, to go on from",
                    "convert tuned.pth tuned.state --model model.gguf")
            .build();

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        Path source = arguments.operandPath(0);
        Path target = OutputFile.check(arguments.operandPath(1), arguments);
        if (arguments.has(MODEL)) {
            convertState(source, target, arguments, terminal);
        } else {
            convertModel(source, target, conversion(arguments), terminal);
        }
    }

    private static void convertState(Path source, Path target, Arguments arguments, Terminal terminal)
            throws UsageException, IOException {
        for (String option : List.of("type", "vocab", "group-norm-epsilon")) {
            arguments.exclude(MODEL, option);
        }
        StateConversion.run(source, arguments.requiredPath(MODEL), target, arguments.has(OutputFile.OPTION));
        terminal.err().println(target + ": initial state, " + Figures.bytes(Files.size(target)));
    }

    private static void convertModel(Path source, Path target, Conversion conversion, Terminal terminal)
            throws IOException {
        ConversionResult result;
        try (Progress progress = new Progress(terminal, "writing " + target)) {
            result = conversion.run(source, target, (done, all, _) -> progress.update(done, all));
        }
        terminal.err().println(target + ": " + result.architecture() + ", " + result.tensors() + " tensors, "
                + Figures.bytes(result.bytes()));
        result.notes().forEach(note -> terminal.err().println("rwkv: note: " + note));
    }

    private static Conversion conversion(Arguments arguments) throws UsageException {
        Conversion conversion = Conversion.defaults().withOverwrite(arguments.has(OutputFile.OPTION));
        Optional<GgmlType> type = arguments.choice("type", TYPES);
        if (type.isPresent()) {
            conversion = conversion.withType(type.get());
        }
        Optional<Path> vocabulary = arguments.path("vocab");
        if (vocabulary.isPresent()) {
            conversion = conversion.withVocabulary(vocabulary.get());
        }
        if (arguments.has("group-norm-epsilon")) {
            conversion = conversion
                    .withGroupNormEpsilon(arguments.number("group-norm-epsilon", 0, LEAST_EPSILON, 1));
        }
        return conversion;
    }
}
