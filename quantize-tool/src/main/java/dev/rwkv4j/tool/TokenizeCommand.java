package dev.rwkv4j.tool;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tokenizer.Tokenizers;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Json;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Output;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code rwkv tokenize}: text to tokens and back. */
final class TokenizeCommand implements Command {
    private static final String FILE = "file";

    private static final Manual MANUAL = Manual.of("tokenize", "turn text into tokens, or tokens into text")
            .usage("(-m MODEL | --vocab FILE) [TEXT | -f FILE] [OPTION]...")
            .purpose("""
                    Shows the tokens that a model reads for a text, one a line: the id, and what it stands for. The text
                    is an argument, a file, or else the standard input, and is taken as it is, its last line end
                    included. Only the vocabulary is read, not the weights.""")
            .operand("[TEXT]")
            .section("Vocabulary")
            .value("m", ModelArguments.MODEL, "FILE", "that of a model, a GGUF file")
            .value("v", ModelArguments.VOCABULARY, "FILE", "rwkv_vocab_v20230424.txt or a tokenizer.json")
            .section("Input")
            .value("f", FILE, "FILE", "read the text from a file; - is the standard input")
            .flag("d", "decode", "the other way: the input is ids, separated by commas or spaces; prints the text")
            .section("Output")
            .flag("i", "ids", "only the ids, separated by commas, on one line")
            .flag("j", "json", "as JSON: id, text and bytes (hexadecimal) of each token")
            .example("What does the model read?", "tokenize -m model.gguf \"Hello, world\"")
            .example("How many tokens does a file have?", "tokenize -m model.gguf -f story.txt | wc -l")
            .example("There and back", "tokenize -m model.gguf --ids Hello | rwkv tokenize -m model.gguf --decode")
            .build();

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        arguments.exclude("ids", "json");
        arguments.exclude("decode", "json");
        arguments.exclude("decode", "ids");
        Tokenizer tokenizer = tokenizer(arguments);
        byte[] input = input(arguments, terminal);
        if (arguments.has("decode")) {
            for (int token : TokenList.parse(new String(input, StandardCharsets.UTF_8))) {
                terminal.out().write(tokenizer.bytes(token));
            }
        } else {
            print(tokenizer, tokenizer.encode(input), arguments, terminal.out());
        }
    }

    private static Tokenizer tokenizer(Arguments arguments) throws UsageException, IOException {
        arguments.exclude(ModelArguments.MODEL, ModelArguments.VOCABULARY);
        Optional<Path> vocabulary = arguments.path(ModelArguments.VOCABULARY);
        if (vocabulary.isPresent()) {
            return Tokenizers.read(vocabulary.get());
        }
        Optional<Path> model = arguments.path(ModelArguments.MODEL);
        if (model.isEmpty()) {
            throw new UsageException("a vocabulary is missing: -m MODEL or --vocab FILE");
        }
        try (GgufFile file = GgufFile.open(model.get())) {
            int size = Math.toIntExact(ModelSummary.of(file).vocabularySize());
            return Tokenizer.of(file.metadata(), size).orElseThrow(() -> ModelArguments.noTokenizer(model.get()));
        }
    }

    private static byte[] input(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        Optional<String> text = arguments.operand(0);
        if (text.isPresent() && arguments.has(FILE)) {
            throw new UsageException("TEXT and -f FILE exclude each other");
        }
        return text.isPresent()
                ? text.get().getBytes(StandardCharsets.UTF_8)
                : TextInput.read(arguments.path(FILE).orElse(TextInput.STANDARD_INPUT), terminal);
    }

    private static void print(Tokenizer tokenizer, int[] tokens, Arguments arguments, Output out) {
        if (arguments.has("json")) {
            out.println(Json.of(json(tokenizer, tokens)));
        } else if (arguments.has("ids")) {
            out.println(TokenList.format(tokens));
        } else {
            for (int token : tokens) {
                out.println(token + "\t" + quoted(tokenizer.bytes(token)));
            }
        }
    }

    private static List<Map<String, Object>> json(Tokenizer tokenizer, int[] tokens) {
        List<Map<String, Object>> json = new ArrayList<>();
        for (int token : tokens) {
            byte[] bytes = tokenizer.bytes(token);
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("id", token);
            entry.put("text", new String(bytes, StandardCharsets.UTF_8));
            entry.put("bytes", HexFormat.of().formatHex(bytes));
            json.add(entry);
        }
        return json;
    }

    /** On one line: with what can't be seen, and what is only a part of a character, as escapes. */
    private static String quoted(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        if (text.indexOf('\uFFFD') >= 0) {
            return "'\\x" + HexFormat.ofDelimiter("\\x").formatHex(bytes) + "'";
        }
        StringBuilder quoted = new StringBuilder("'");
        text.codePoints().forEach(c -> {
            switch (c) {
                case '\n' -> quoted.append("\\n");
                case '\r' -> quoted.append("\\r");
                case '\t' -> quoted.append("\\t");
                case '\\', '\'' -> quoted.append('\\').appendCodePoint(c);
                default -> {
                    if (Character.isISOControl(c)) {
                        quoted.append("\\x").append(HexFormat.of().toHexDigits((byte) c));
                    } else {
                        quoted.appendCodePoint(c);
                    }
                }
            }
        });
        return quoted.append('\'').toString();
    }
}
