package dev.rwkv4j.tool.cli;

import java.io.IOException;

/** One subcommand. */
public interface Command {
    /** {@return its name, its options and its help} */
    Manual manual();

    /**
     * Runs it. Results go to {@link Terminal#out()}, everything else to {@link Terminal#err()}.
     *
     * @param arguments what was typed, checked against the manual
     * @param terminal where to print
     * @throws UsageException if what was typed makes no sense
     * @throws IOException if it fails
     */
    void run(Arguments arguments, Terminal terminal) throws UsageException, IOException;
}
