package dev.rwkv4j.tool;

import dev.rwkv4j.tool.cli.Command;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.Tool;
import java.util.List;

/** The {@code rwkv} command. */
public final class Main {
    private static final String ABOUT = "RWKV language models on the CPU";

    private static final List<Command> COMMANDS = List.of(
            new DemoCommand(),
            new ConvertCommand(),
            new QuantizeCommand(),
            new ImatrixCommand(),
            new InfoCommand(),
            new GenerateCommand(),
            new TokenizeCommand(),
            new BenchCommand(),
            new PerplexityCommand(),
            new CompareCommand(),
            new LogitsCommand(),
            new RandomCommand());

    private Main() {
    }

    /**
     * Runs the command and ends the process with its exit code.
     *
     * @param arguments what the person typed after {@code rwkv}
     */
    public static void main(String[] arguments) {
        Tool tool = new Tool(ABOUT, new Version(), COMMANDS);
        System.exit(tool.run(List.of(arguments), Terminal.ofProcess()));
    }
}
