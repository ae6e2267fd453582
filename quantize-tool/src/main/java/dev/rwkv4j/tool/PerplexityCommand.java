package dev.rwkv4j.tool;

import dev.rwkv4j.LogSoftmax;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Figures;
import dev.rwkv4j.tool.cli.Interruption;
import dev.rwkv4j.tool.cli.Json;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Output;
import dev.rwkv4j.tool.cli.Progress;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import dev.rwkv4j.tool.quality.Perplexity;
import dev.rwkv4j.tool.quality.Predictions;
import dev.rwkv4j.tool.quality.Predictions.Step;
import dev.rwkv4j.tool.quality.TextTokens;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** {@code rwkv perplexity}: how well a model predicts a text. */
final class PerplexityCommand implements Command {
    /** Fed at once. */
    private static final int STEP_TOKENS = 256;
    private static final double NANOS = 1e9;

    private static final Manual MANUAL = manualOf(Manual.of("perplexity", "measure how well a model predicts a text")
            .usage("-m MODEL -f TEXT [OPTION]...")
            .purpose(
                    """
                            Feeds a text to a model and tells how well it predicted each token from those before it: a perplexity of
                            k means as well as a fair guess among k tokens. With its standard error, as if tokens were independent,
                            and as bits for each byte, which compares models with different vocabularies. A text may have any
                            length."""));

    private static Manual manualOf(Manual.Builder manual) {
        return ScoredText.modelAndText(manual)
                .section("Output")
                .flag("j", "json", "as JSON")
                .example("How good is this model?", "perplexity -m model.gguf -f book.txt")
                .example("For comparison with a model whose context is limited to 1024 tokens",
                        "perplexity -m model.gguf -f book.txt --context 1024")
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
        try (RwkvModel model = ModelArguments.load(arguments);
                RwkvSession session = model.newSession();
                Interruption _ = new Interruption()) {
            Tokenizer tokenizer = ModelArguments.tokenizer(model, file);
            long begin = System.nanoTime();
            Perplexity perplexity = measure(session, tokenizer, text, terminal);
            double seconds = (System.nanoTime() - begin) / NANOS;
            if (arguments.has("json")) {
                terminal.out().println(Json.of(json(file, text, perplexity, seconds)));
            } else {
                print(perplexity, seconds, terminal.out());
            }
        }
    }

    private static Perplexity measure(RwkvSession session, Tokenizer tokenizer, ScoredText text, Terminal terminal)
            throws IOException {
        Perplexity perplexity = new Perplexity();
        LogSoftmax softmax = new LogSoftmax(session.model().info().vocabularySize());
        double bytes = text.bytes();
        try (TextTokens tokens = text.open(tokenizer, terminal);
                Progress progress = new Progress(terminal, "perplexity")) {
            Predictions predictions = text.predictions(tokens, STEP_TOKENS);
            for (Optional<Step> next = predictions.next(); next.isPresent(); next = predictions.next()) {
                Step step = next.get();
                if (step.begins()) {
                    session.reset();
                }
                session.feed(step.tokens(), (i, logits) -> {
                    softmax.compute(logits);
                    int target = step.targets()[i];
                    perplexity.add(softmax.logProbability(target), tokenizer.bytes(target).length);
                });
                progress.update(bytes == 0 ? Double.NaN : perplexity.bytes() / bytes, withError(perplexity));
            }
        }
        if (perplexity.tokens() == 0) {
            throw text.tooShort();
        }
        return perplexity;
    }

    private static String withError(Perplexity perplexity) {
        return Figures.withError(perplexity.value(), perplexity.error());
    }

    private static void print(Perplexity perplexity, double seconds, Output out) {
        out.println("perplexity     " + withError(perplexity));
        out.println("bits per byte  " + Figures.significant(perplexity.bitsPerByte()));
        out.println("tokens         " + perplexity.tokens() + " predicted, " + perplexity.bytes() + " bytes");
        out.println("speed          " + Figures.significant(perplexity.tokens() / seconds) + " tokens/s");
    }

    private static Map<String, Object> json(Path model, ScoredText text, Perplexity perplexity, double seconds) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("model", model.toString());
        json.put("text", text.file().toString());
        json.put("context", text.context() == Predictions.UNLIMITED ? null : text.context());
        json.put("perplexity", perplexity.value());
        json.put("perplexity_error", perplexity.error());
        json.put("bits_per_byte", perplexity.bitsPerByte());
        json.put("tokens", perplexity.tokens());
        json.put("bytes", perplexity.bytes());
        json.put("tokens_per_second", perplexity.tokens() / seconds);
        return json;
    }
}
