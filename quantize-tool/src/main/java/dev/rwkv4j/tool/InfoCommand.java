package dev.rwkv4j.tool;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.gguf.Printable;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Figures;
import dev.rwkv4j.tool.cli.Json;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Output;
import dev.rwkv4j.tool.cli.Table;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** {@code rwkv info}: what is in a model file. */
final class InfoCommand implements Command {
    private static final Manual MANUAL = Manual.of("info", "show what is in a model file")
            .usage("MODEL [OPTION]...")
            .purpose("""
                    Shows the architecture, the sizes and the types of a GGUF model file, and what memory it will need.
                    Only the header of the file is read, so that this takes no time and no memory however large the
                    model is.""")
            .operand("MODEL")
            .section("Output")
            .flag("t", "tensors", "list all tensors: name, type, dimensions (fastest first), bytes")
            .flag("j", "json", "as JSON")
            .example("Does this model fit into my memory?", "info model.gguf")
            .example("Which tensors are not quantized?", "info model.gguf --tensors | grep F32")
            .build();

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        try (GgufFile file = GgufFile.open(arguments.operandPath(0))) {
            ModelSummary summary = ModelSummary.of(file);
            if (arguments.has("json")) {
                terminal.out().println(Json.of(json(file, summary, arguments.has("tensors"))));
            } else {
                print(file, summary, terminal.out());
                if (arguments.has("tensors")) {
                    terminal.out().println("").print(tensors(file));
                }
            }
        }
    }

    private static void print(GgufFile file, ModelSummary model, Output out) {
        line(out, "file", file.path() + " (GGUF " + file.version() + ", " + Figures.bytes(file.byteSize()) + ")");
        if (!model.name().isEmpty()) {
            line(out, "name", model.name());
        }
        String heads = model.heads() == 0 ? "" : ", " + model.heads() + " heads of " + model.headSize();
        line(out, "architecture", "RWKV-" + model.version());
        line(out, "sizes",
                Figures.of(model.layers(), "layer") + " of width " + model.width() + heads + ", channel mix of width "
                        + model.channelMixWidth());
        line(out, "parameters", Figures.count(model.parameters()));
        line(out, "vocabulary", model.vocabularySize() + " tokens, tokenizer: " + model.tokenizer());
        line(out, "memory", Figures.bytes(model.weightBytes()) + " weights, " + Figures.bytes(model.stateBytes())
                + " state for each text, about " + Figures.bytes(model.scratchBytes()) + " for computing");
        out.println("");
        Table types = new Table("type", "tensors", "elements", "bytes", "bits each");
        model.types().forEach((type, total) -> types.row(
                type.name(),
                Integer.toString(total.tensors()),
                Long.toString(total.elements()),
                Long.toString(total.bytes()),
                String.format(Locale.ROOT, "%.2f", 8.0 * total.bytes() / total.elements())));
        out.print(types.toString());
    }

    private static void line(Output out, String name, String value) {
        out.println(name + " ".repeat(14 - name.length()) + Printable.escape(value));
    }

    private static String tensors(GgufFile file) {
        Table table = new Table("tensor", "type", "dimensions", "bytes");
        for (GgufTensor tensor : file.tensors().values()) {
            String dimensions = tensor.dims().stream().map(Object::toString).collect(Collectors.joining(" x "));
            table.row(Printable.escape(tensor.name()), tensor.type().name(), dimensions,
                    Long.toString(tensor.byteSize()));
        }
        return table.toString();
    }

    private static Map<String, Object> json(GgufFile file, ModelSummary model, boolean tensors) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("file", file.path().toString());
        json.put("file_bytes", file.byteSize());
        json.put("name", model.name());
        json.put("version", model.version());
        json.put("layers", model.layers());
        json.put("width", model.width());
        json.put("channel_mix_width", model.channelMixWidth());
        json.put("heads", model.heads());
        json.put("head_size", model.headSize());
        json.put("vocabulary_size", model.vocabularySize());
        json.put("tokenizer", model.tokenizer());
        json.put("parameters", model.parameters());
        json.put("weight_bytes", model.weightBytes());
        json.put("state_bytes", model.stateBytes());
        json.put("scratch_bytes_estimate", model.scratchBytes());
        Map<String, Object> types = new LinkedHashMap<>();
        model.types().forEach((type, total) -> types.put(type.name(),
                Map.of("tensors", total.tensors(), "elements", total.elements(), "bytes", total.bytes())));
        json.put("types", types);
        if (tensors) {
            json.put("tensors", file.tensors().values().stream().map(InfoCommand::json).toList());
        }
        return json;
    }

    private static Map<String, Object> json(GgufTensor tensor) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", tensor.name());
        json.put("type", tensor.type().name());
        json.put("dimensions", tensor.dims());
        json.put("bytes", tensor.byteSize());
        return json;
    }
}
