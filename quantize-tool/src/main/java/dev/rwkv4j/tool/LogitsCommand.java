package dev.rwkv4j.tool;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Interruption;
import dev.rwkv4j.tool.cli.Json;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import java.io.IOException;
import java.util.AbstractList;
import java.util.List;
import java.util.Locale;

/** {@code rwkv logits}: the model's output as numbers. */
final class LogitsCommand implements Command {
    private static final Manual MANUAL = ModelArguments
            .threads(ModelArguments.model(Manual.of("logits", "print a model's output as numbers")
                    .usage("-m MODEL --tokens IDS [OPTION]...")
                    .purpose(
                            """
                                    Feeds tokens to a model and prints the logits after the last one, one a line, in the order of
                                    the vocabulary, with nine significant digits: for comparing engines, files and types.""")))
            .section("Input")
            .value(null, "tokens", "IDS", "the tokens, ids separated by commas (required)")
            .flag("r", "recurrent",
                    "feed one token after the other (default: all at once; both give the same to rounding)")
            .section("Output")
            .flag("j", "json", "as a JSON array")
            .example("The likeliest next token",
                    "logits -m model.gguf --tokens 33155,45 | cat -n | sort -gk2 | tail -1")
            .example("Do both forms agree?", "logits -m model.gguf --tokens 1,2,3 --recurrent > recurrent.txt")
            .build();

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        int[] tokens = TokenList.parse(arguments.text("tokens").orElseThrow(() -> arguments.missing("tokens")));
        if (tokens.length == 0) {
            throw new UsageException("--tokens is empty, expected at least one id");
        }
        float[] logits = logits(tokens, arguments);
        if (arguments.has("json")) {
            terminal.out().println(Json.of(numbers(logits)));
            return;
        }
        for (float logit : logits) {
            terminal.out().println(String.format(Locale.ROOT, "%.8e", logit));
        }
    }

    private static float[] logits(int[] tokens, Arguments arguments) throws UsageException, IOException {
        try (Interruption _ = new Interruption();
                RwkvModel model = RwkvModel.load(arguments.requiredPath(ModelArguments.MODEL),
                        ModelArguments.threads(arguments));
                RwkvSession session = model.newSession()) {
            if (arguments.has("recurrent")) {
                for (int token : tokens) {
                    session.feed(token);
                }
            } else {
                session.feed(tokens);
            }
            return session.logits();
        }
    }

    private static List<Float> numbers(float[] values) {
        return new AbstractList<>() {
            @Override
            public Float get(int index) {
                return values[index];
            }

            @Override
            public int size() {
                return values.length;
            }
        };
    }
}
