package dev.rwkv4j.tool.cli;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.function.Supplier;

/**
 * Finds the command that was typed, runs it, and makes one line and an exit code of what it throws.
 *
 * @param about what the program is, in a few words
 * @param version what {@code --version} prints
 * @param commands all commands, in the order of the overview
 */
public record Tool(String about, Supplier<String> version, List<Command> commands) {
    /** Something failed. */
    static final int FAILED = 1;

    /** What was typed makes no sense. */
    static final int MISUSED = 2;

    /** As a shell has it for a process that SIGINT, Ctrl-C, ended. */
    static final int INTERRUPTED = 130;

    /** As a shell has it for a process that SIGPIPE ended. */
    static final int BROKEN_PIPE = 141;

    private static final String SEE = "; see rwkv --help";

    /**
     * Runs a command line.
     *
     * @param typed what follows {@code rwkv}
     * @param terminal where to print
     * @return the exit code
     */
    public int run(List<String> typed, Terminal terminal) {
        boolean debug = typed.contains("--debug") || "1".equals(System.getenv("RWKV_DEBUG"));
        try {
            int status = dispatch(typed, terminal);
            terminal.out().flush();
            return status;
        } catch (Output.ClosedException e) {
            return e.isBrokenPipe() ? BROKEN_PIPE : fail(e, FAILED, debug, terminal);
        } catch (CancellationException e) {
            return INTERRUPTED;
        } catch (UsageException e) {
            return fail(e, MISUSED, debug, terminal);
        } catch (IOException | RuntimeException | Error e) {
            return fail(e, FAILED, debug, terminal);
        }
    }

    private int dispatch(List<String> typed, Terminal terminal) throws UsageException, IOException {
        if (typed.isEmpty()) {
            terminal.err().print(overview());
            return MISUSED;
        }
        String first = typed.getFirst();
        List<String> rest = typed.subList(1, typed.size());
        switch (first) {
            case "--version" -> terminal.out().println(version.get());
            case "help", "--help", "-h" -> terminal.out().print(help(rest));
            default -> run(command(first), rest, terminal);
        }
        return 0;
    }

    private void run(Command command, List<String> typed, Terminal terminal) throws UsageException, IOException {
        if (asksForHelp(typed)) {
            terminal.out().print(HelpPage.of(command.manual()));
        } else {
            command.run(Arguments.parse(command.manual(), typed), terminal);
        }
    }

    private static boolean asksForHelp(List<String> typed) {
        return typed.stream().takeWhile(word -> !word.equals("--")).anyMatch(List.of("-h", "--help")::contains);
    }

    private String help(List<String> topic) throws UsageException {
        return topic.isEmpty() ? overview() : HelpPage.of(command(topic.getFirst()).manual());
    }

    private Command command(String name) throws UsageException {
        for (Command command : commands) {
            if (command.manual().name().equals(name)) {
                return command;
            }
        }
        if (name.startsWith("-")) {
            throw new UsageException("unknown option " + name + ", expected a command" + SEE);
        }
        Optional<String> meant = Suggestion.of(name,
                commands.stream().map(command -> command.manual().name()).toList());
        throw new UsageException("unknown command " + name
                + meant.map(word -> ", did you mean " + word + "?").orElse("") + SEE);
    }

    private String overview() {
        StringBuilder page = new StringBuilder("rwkv: " + about + "\n\nUsage: rwkv COMMAND [OPTION]...\n\nCommands:\n");
        commands.forEach(command -> page.append(HelpPage.entry(command.manual().name(), command.manual().summary())));
        page.append("\nOther:\n");
        page.append(HelpPage.entry("help COMMAND", "what a command does, its options, and examples"));
        page.append(HelpPage.entry("--version", "version of this program, of Java, and the kernels in use"));
        return page.toString();
    }

    private static int fail(Throwable failure, int status, boolean debug, Terminal terminal) {
        if (debug) {
            failure.printStackTrace(terminal.err());
        } else {
            terminal.err().println("rwkv: " + message(failure).lines().findFirst().orElse(""));
        }
        return status;
    }

    /** For people: names the file, and says nothing of Java. */
    private static String message(Throwable failure) {
        return switch (failure) {
            case NoSuchFileException e when e.getReason() == null -> e.getFile() + ": no such file";
            case AccessDeniedException e when e.getReason() == null -> e.getFile() + ": permission denied";
            case FileSystemException e when e.getReason() != null -> e.getFile() + ": " + e.getReason();
            case OutOfMemoryError e -> "out of memory: " + e.getMessage();
            case Throwable e when e.getMessage() == null || isBug(e) -> "internal error: " + e
                    + " (--debug shows where)";
            default -> failure.getMessage();
        };
    }

    private static boolean isBug(Throwable e) {
        return e instanceof NullPointerException || e instanceof IndexOutOfBoundsException
                || e instanceof ClassCastException
                || e instanceof Error && !(e instanceof LinkageError);
    }
}
