package dev.rwkv4j.tool;

/** The {@code rwkv} command. */
public final class Main {
    private Main() {
    }

    /**
     * Runs the command.
     *
     * @param arguments what the person typed after {@code rwkv}
     */
    public static void main(String[] arguments) {
        System.err.println("rwkv: no command yet");
        System.exit(2);
    }
}
