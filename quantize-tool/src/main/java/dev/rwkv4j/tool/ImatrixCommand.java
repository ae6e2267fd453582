package dev.rwkv4j.tool;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Interruption;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import dev.rwkv4j.tool.convert.TensorKind;
import dev.rwkv4j.tool.quality.Predictions;
import dev.rwkv4j.tool.quantize.ImportanceMatrix;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** {@code rwkv imatrix}: which columns of a model's matrices are important. */
final class ImatrixCommand implements Command {
    private static final String OUTPUT = "output";

    private static final Manual MANUAL = manualOf(
            Manual.of("imatrix", "find out which weights are important, for quantize --imatrix")
                    .usage("-m MODEL -f TEXT -o FILE [OPTION]...")
                    .purpose(
                            """
                                    Lets a model read a text and notes how large the inputs of its matrices are, column by column. The file
                                    is one of llama.cpp's importance matrices: either program reads what the other has written. Some hundred
                                    kilobytes of text of the kind that the model is for will do; best is a model that is not quantized."""));

    private static Manual manualOf(Manual.Builder manual) {
        return ScoredText.modelAndText(manual)
                .section("Output")
                .value("o", OUTPUT, "FILE", "the importance matrix, a GGUF file (required)")
                .flag(null, OutputFile.OPTION, OutputFile.DESCRIPTION)
                .example("Then: quantize model.gguf small.gguf -t Q4_K --imatrix model.imatrix.gguf",
                        "imatrix -m model.gguf -f texts.txt -o model.imatrix.gguf")
                .build();
    }

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        Path file = arguments.requiredPath(ModelArguments.MODEL);
        ScoredText text = ScoredText.of(arguments);
        Path target = OutputFile.check(arguments.requiredPath(OUTPUT), arguments, ModelArguments.MODEL,
                ModelArguments.VOCABULARY, ScoredText.FILE);
        try (Interruption _ = new Interruption(); RwkvModel model = ModelArguments.load(arguments)) {
            Tokenizer tokenizer = ModelArguments.tokenizer(model, file);
            Map<String, MemorySegment> sums = observe(model, file);
            CalibrationText.Size size = CalibrationText.read(model, tokenizer, text, terminal);
            long chunk = text.context() == Predictions.UNLIMITED ? size.tokens() : text.context();
            ImportanceMatrix.write(target, text.file().toString(), size.parts(), chunk, size.tokens(), sums);
            terminal.err().println(target + ": " + sums.size() + " matrices, " + size.tokens() + " tokens");
        }
    }

    private static Map<String, MemorySegment> observe(RwkvModel model, Path file) throws IOException {
        Map<String, MemorySegment> sums = new LinkedHashMap<>();
        try (GgufFile gguf = GgufFile.open(file)) {
            for (GgufTensor tensor : gguf.tensors().values()) {
                if (TensorKind.isMultiplied(tensor.name(), tensor.dims())) {
                    sums.put(tensor.name(), model.observe(tensor.name()));
                }
            }
        }
        return sums;
    }
}
