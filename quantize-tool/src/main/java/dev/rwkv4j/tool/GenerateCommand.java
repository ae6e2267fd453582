package dev.rwkv4j.tool;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.RwkvState;
import dev.rwkv4j.Sampling;
import dev.rwkv4j.StopReason;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.bench.ProcessMemory;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Figures;
import dev.rwkv4j.tool.cli.Interruption;
import dev.rwkv4j.tool.cli.Json;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ThreadLocalRandom;

/** {@code rwkv generate}: text that goes on from a prompt. */
final class GenerateCommand implements Command {
    private static final String SAVED = "save-state";
    private static final Sampling DEFAULTS = Sampling.defaults();
    private static final int DEFAULT_TOKENS = 256;
    private static final int MOST_SEED = 1 << 20;

    private static final Manual MANUAL = manualOf(Manual.of("generate", "go on from a prompt")
            .usage("-m MODEL (-p TEXT | -f FILE) [OPTION]...")
            .purpose(
                    """
                            Reads a prompt and goes on from it. The standard output gets the new text, and nothing but it, piece by
                            piece as it is generated; what it cost is told on the standard error. Ctrl-C ends it."""));

    private static Manual manualOf(Manual.Builder manual) {
        return ModelArguments.dense(
                ModelArguments.vocabulary(ModelArguments.threads(ModelArguments.model(manual))))
                .section("Text")
                .value("p", "prompt", "TEXT", "what to go on from, as it is")
                .value("f", "file", "FILE", "the same from a file, its last line end included; - is the standard input")
                .value("n", "max-tokens", "N", "end after so many tokens (default " + DEFAULT_TOKENS + ")")
                .value(null, "stop", "TEXT", "end before this text; may be repeated")
                .section("Choice of tokens")
                .value(null, "temperature", "X",
                        "1: as the model says; less: likelier tokens; 0: always the likeliest, and "
                                + "no penalties by default " + byDefault(DEFAULTS.temperature()))
                .value(null, "top-p", "X", "among the likeliest tokens that together have this probability "
                        + byDefault(DEFAULTS.topP()))
                .value(null, "top-k", "N", "among the N likeliest tokens; 0: all " + byDefault(DEFAULTS.topK()))
                .value(null, "min-p", "X", "among tokens that are at least X times as likely as the likeliest "
                        + byDefault(DEFAULTS.minP()))
                .value(null, "presence-penalty", "X", "taken from the logit of each token that was generated "
                        + byDefault(DEFAULTS.presencePenalty()))
                .value(null, "frequency-penalty", "X", "the same for each time that it was generated "
                        + byDefault(DEFAULTS.frequencyPenalty()))
                .value(null, "penalty-decay", "X", "how much such a time still counts one token later "
                        + byDefault(DEFAULTS.penaltyDecay()))
                .value(null, "seed", "N",
                        "a seed always gives the same text (default: another one each time; it is told)")
                .section("State")
                .value(null, "state", "FILE", "go on from a saved state; the prompt follows what had been read then")
                .value(null, SAVED, "FILE", "save what was read and generated, to go on later; not after Ctrl-C")
                .section("Output")
                .flag("j", "json", "as JSON at the end: the text, why it ended, speed and memory")
                .example("A story", "generate -m model.gguf -p 'Once upon a time' -n 200")
                .example("Always the same answer",
                        "generate -m model.gguf -f question.txt --temperature 0 --stop User:")
                .example("Read a long text once, ask about it often",
                        "generate -m model.gguf -f book.txt -n 0 --save-state book.state")
                .example("... and then", "generate -m model.gguf --state book.state -p 'In short,'")
                .build();
    }

    private static String byDefault(double value) {
        return "(default " + Figures.plain(value) + ")";
    }

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        Sampling sampling = sampling(arguments);
        Path file = arguments.requiredPath(ModelArguments.MODEL);
        Optional<Path> saved = arguments.path(SAVED);
        if (saved.isPresent()) { // replaces an older state as a matter of course, but not what is read with it
            OutputFile.refuseInputs(saved.get(), arguments, ModelArguments.MODEL, ModelArguments.VOCABULARY, "file");
        }
        byte[] prompt = prompt(arguments, terminal);
        long begin = System.nanoTime();
        try (RwkvModel model = ModelArguments.load(arguments);
                RwkvSession session = model.newSession();
                Interruption _ = new Interruption()) {
            double loadMillis = (System.nanoTime() - begin) / 1e6;
            int[] tokens = tokens(prompt, ModelArguments.tokenizer(model, file), arguments);
            restore(session, arguments);
            Printer printer = new Printer(terminal, arguments.has("json"));
            Completion completion = Completion.run(session, tokens, sampling, printer::print);
            printer.end(completion, sampling, loadMillis);
            if (completion.generation().reason() == StopReason.CANCELLED) {
                throw new CancellationException();
            }
            save(session, saved);
        }
    }

    private static Sampling sampling(Arguments arguments) throws UsageException {
        double temperature = arguments.number("temperature", DEFAULTS.temperature(), 0, Double.MAX_VALUE);
        Sampling base = temperature == 0 ? Sampling.greedy() : DEFAULTS.withTemperature(temperature);
        long seed = arguments.integer("seed", ThreadLocalRandom.current().nextLong(MOST_SEED), Long.MIN_VALUE,
                Long.MAX_VALUE);
        for (String stop : arguments.texts("stop")) {
            if (stop.isEmpty()) {
                throw new UsageException("--stop is empty, expected a text");
            }
        }
        return base
                .withTopP(arguments.number("top-p", base.topP(), 0, 1))
                .withTopK(arguments.integer("top-k", base.topK(), 0, Integer.MAX_VALUE))
                .withMinP(arguments.number("min-p", base.minP(), 0, 1))
                .withPresencePenalty(penalty("presence-penalty", base.presencePenalty(), arguments))
                .withFrequencyPenalty(penalty("frequency-penalty", base.frequencyPenalty(), arguments))
                .withPenaltyDecay(arguments.number("penalty-decay", base.penaltyDecay(), 0, 1))
                .withSeed(seed)
                .withMaxTokens(arguments.integer("max-tokens", DEFAULT_TOKENS, 0, Integer.MAX_VALUE))
                .withStop(arguments.texts("stop").toArray(String[]::new));
    }

    private static double penalty(String option, double absent, Arguments arguments) throws UsageException {
        return arguments.number(option, absent, -Double.MAX_VALUE, Double.MAX_VALUE);
    }

    private static byte[] prompt(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        arguments.exclude("prompt", "file");
        Optional<Path> file = arguments.path("file");
        return file.isPresent()
                ? TextInput.read(file.get(), terminal)
                : arguments.text("prompt")
                        .orElseThrow(() -> new UsageException("a prompt is missing: -p TEXT or -f FILE"))
                        .getBytes(StandardCharsets.UTF_8);
    }

    /** Without a prompt a new text begins, as after the end of one. */
    private static int[] tokens(byte[] prompt, Tokenizer tokenizer, Arguments arguments) throws UsageException {
        int[] tokens = tokenizer.encode(prompt);
        if (tokens.length > 0) {
            return tokens;
        }
        if (arguments.has("state")) {
            throw new UsageException("the prompt is empty, but --state needs a text to go on with");
        }
        return new int[]{tokenizer.endOfText()};
    }

    private static void restore(RwkvSession session, Arguments arguments) throws UsageException, IOException {
        Optional<Path> file = arguments.path("state");
        if (file.isPresent()) {
            try (RwkvState state = RwkvState.load(session.model(), file.get())) {
                session.restore(state);
            }
        }
    }

    private static void save(RwkvSession session, Optional<Path> file) throws IOException {
        if (file.isPresent()) {
            try (RwkvState state = session.state()) {
                state.save(file.get());
            }
        }
    }

    /** Prints the text as it comes, or all at the end. */
    private static final class Printer {
        private final Terminal terminal;
        private final boolean json;
        private final StringBuilder text = new StringBuilder();

        Printer(Terminal terminal, boolean json) {
            this.terminal = terminal;
            this.json = json;
        }

        void print(String piece) {
            if (json) {
                text.append(piece);
            } else {
                terminal.out().print(piece).flush();
            }
        }

        void end(Completion completion, Sampling sampling, double loadMillis) {
            OptionalLong memory = ProcessMemory.peakResidentBytes();
            if (json) {
                terminal.out().println(Json.of(json(completion, sampling, loadMillis, memory)));
                return;
            }
            if (terminal.isTerminal(Terminal.Stream.OUT)) {
                terminal.out().println("").flush();
            }
            StringBuilder cost = new StringBuilder(completion.speed());
            memory.ifPresent(bytes -> cost.append(", ").append(Figures.bytes(bytes)).append(" of memory"));
            terminal.err().println("rwkv: " + cost + ", seed " + sampling.seed().getAsLong());
        }

        private Map<String, Object> json(Completion completion, Sampling sampling, double loadMillis,
                OptionalLong memory) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("text", text.toString());
            json.put("stop_reason", completion.generation().reason().name().toLowerCase(Locale.ROOT));
            json.put("seed", sampling.seed().getAsLong());
            json.put("prompt_tokens", completion.promptTokens());
            json.put("tokens", completion.generation().tokens());
            json.put("prompt_tokens_per_second", completion.promptTokensPerSecond());
            json.put("decode_tokens_per_second", completion.tokensPerSecond());
            json.put("load_ms", loadMillis);
            json.put("peak_rss_bytes", memory.isPresent() ? memory.getAsLong() : null);
            return json;
        }
    }
}
