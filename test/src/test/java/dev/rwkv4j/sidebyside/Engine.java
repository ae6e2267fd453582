package dev.rwkv4j.sidebyside;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Who is measured, and what starts it. All run in a JVM with as little heap. */
enum Engine {
    RWKV4J("rwkv4j"), LLAMA_CPP("llama.cpp"), JAVA_LLAMA_CPP("java-llama.cpp");

    /** The root of the repository: where the script says it is. */
    static final Path ROOT = Path.of(System.getProperty("rwkv4j.root", ""));

    private final String label;

    Engine(String label) {
        this.label = label;
    }

    /** {@return its name for people} */
    @Override
    public String toString() {
        return label;
    }

    /** The command that measures a model and prints JSON. */
    List<String> command(Path model, Plan plan) {
        if (this == RWKV4J) {
            return List.of(
                    ROOT.resolve("rwkv").toString(), "bench", "--json",
                    "--model", model.toString(),
                    "--threads", Integer.toString(plan.threads()),
                    "--prompt", Integer.toString(plan.promptTokens()),
                    "--decode", Integer.toString(plan.decodeTokens()),
                    "--repetitions", Integer.toString(plan.repetitions()));
        }
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m", "-Xmn8m", "-Xss512k", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED",
                "-Drwkv4j.root=" + ROOT,
                "-cp", System.getProperty("java.class.path"),
                PeerBench.class.getName(),
                name(),
                model.toString()));
        command.addAll(plan.words());
        return command;
    }
}
