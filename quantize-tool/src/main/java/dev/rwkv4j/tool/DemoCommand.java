package dev.rwkv4j.tool;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.Sampling;
import dev.rwkv4j.StopReason;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Interruption;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ThreadLocalRandom;

/** {@code rwkv demo}: a story of the model that comes with this tool. */
final class DemoCommand implements Command {
    /** Beside this class. */
    private static final String MODEL = "demo/rwkv4j-demo.gguf";

    private static final int MOST_SEED = 1000;
    private static final int MOST_TOKENS = 1000;

    /** A small model of a small language: what it finds unlikely is wrong. */
    private static final Sampling SAMPLING = Sampling.greedy().withTemperature(1).withTopP(0.5)
            .withMaxTokens(MOST_TOKENS);

    private static final Manual MANUAL = Manual
            .of("demo", "tell a little story with the model that comes with this tool")
            .usage("[OPTION]...")
            .purpose(
                    """
                            Runs a tiny RWKV-7 that was trained on little stories and nothing else, so that there is something to
                            see before anything is downloaded. Each time it makes up another story.""")
            .section("Options")
            .value(null, "seed", "N", "a seed always gives the same story (default: another one each time)")
            .value(null, "save", "FILE", "copy the model to a file, for the other commands, instead of telling a story")
            .flag("f", OutputFile.OPTION, OutputFile.DESCRIPTION)
            .example("A story", "demo")
            .example("Keep the model", "demo --save story.gguf")
            .example("... and begin a story yourself",
                    "generate -m story.gguf -p 'Once upon a time there lived a little mouse'")
            .build();

    @Override
    public Manual manual() {
        return MANUAL;
    }

    @Override
    public void run(Arguments arguments, Terminal terminal) throws UsageException, IOException {
        Optional<Path> kept = arguments.path("save");
        if (kept.isPresent()) {
            save(OutputFile.check(kept.get(), arguments), terminal);
            return;
        }
        long seed = arguments.integer("seed", ThreadLocalRandom.current().nextLong(MOST_SEED), Long.MIN_VALUE,
                Long.MAX_VALUE);
        Path file = Files.createTempFile("rwkv4j-demo", ".gguf");
        try {
            Files.write(file, model());
            tell(file, seed, terminal);
        } finally {
            Files.delete(file);
        }
    }

    private static void tell(Path file, long seed, Terminal terminal) throws IOException {
        try (RwkvModel model = RwkvModel.load(file);
                RwkvSession session = model.newSession();
                Interruption _ = new Interruption()) {
            Tokenizer tokenizer = ModelArguments.tokenizer(model, file);
            Completion completion = Completion.run(session, new int[]{tokenizer.endOfText()}, SAMPLING.withSeed(seed),
                    text -> terminal.out().print(text).flush());
            terminal.out().println("").flush();
            if (completion.generation().reason() == StopReason.CANCELLED) {
                throw new CancellationException();
            }
            terminal.err().println("rwkv: " + completion.speed() + ", seed " + seed);
            terminal.err().println(
                    "rwkv: next: rwkv demo --save story.gguf; rwkv generate -m story.gguf -p 'Once upon a time'");
            terminal.err().println("rwkv: or a model that knows the world: rwkv help convert");
        }
    }

    private static void save(Path target, Terminal terminal) throws IOException {
        OutputFile.write(target, model());
        terminal.err().println(target + ": the demo model; try rwkv info " + target);
    }

    private static byte[] model() throws IOException {
        try (InputStream model = DemoCommand.class.getResourceAsStream(MODEL)) {
            if (model == null) {
                throw new FileNotFoundException("this build has no demo model (resource " + MODEL + ")");
            }
            return model.readAllBytes();
        }
    }
}
