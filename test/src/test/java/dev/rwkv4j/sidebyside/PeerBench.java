package dev.rwkv4j.sidebyside;

import dev.rwkv4j.llamacpp.LlamaCpp;
import dev.rwkv4j.tool.bench.ProcessMemory;
import dev.rwkv4j.tool.bench.Speed;
import dev.rwkv4j.tool.cli.Json;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Measures another engine in a process of its own, and prints what {@code rwkv bench --json} prints, as far as needed. */
final class PeerBench {
    private static final double NANOS = 1e9;

    /** As in {@code rwkv bench}. */
    private static final double WARM_UP_SECONDS = 0.3;

    private PeerBench() {
    }

    /** Arguments: name of the {@link Engine}, model, and the fields of a {@link Plan}. */
    public static void main(String[] arguments) throws IOException {
        PrintStream out = System.out;
        System.setOut(System.err); // java-llama.cpp says where it has put its library
        Plan plan = Plan.of(arguments, 2);
        ProcessMemory.resetPeak();
        Peer peer = open(Engine.valueOf(arguments[0]), Path.of(arguments[1]), plan);
        Map<String, Object> json = new LinkedHashMap<>();
        warmUp(peer::readPrompt);
        warmUp(() -> peer.decode(plan.decodeTokens()));
        double[] promptSeconds = new double[plan.repetitions()];
        double[] decodeSeconds = new double[plan.repetitions()];
        for (int i = 0; i < plan.repetitions(); i++) {
            promptSeconds[i] = seconds(peer::readPrompt);
            decodeSeconds[i] = seconds(() -> peer.decode(plan.decodeTokens()));
        }
        json.put(Measurement.PROMPT, Speed.of(peer.promptTokens(), promptSeconds).median());
        json.put(Measurement.DECODE, Speed.of(plan.decodeTokens(), decodeSeconds).median());
        json.put(Measurement.MEMORY, ProcessMemory.peakResidentBytes().orElse(0));
        out.println(Json.of(json));
        out.flush();
        Runtime.getRuntime().halt(0); // java-llama.cpp has a thread that never ends, even after close()
    }

    private static Peer open(Engine engine, Path model, Plan plan) throws IOException {
        return switch (engine) {
            case RWKV4J -> throw new IllegalArgumentException("rwkv bench measures it");
            case LLAMA_CPP -> new LlamaCppPeer(LlamaCpp.folder(Engine.ROOT).orElseThrow(), model, plan.threads(),
                    plan.promptTokens());
            case JAVA_LLAMA_CPP -> new JavaLlamaCppPeer(model, plan.threads(), plan.promptTokens(),
                    plan.decodeTokens());
        };
    }

    private static void warmUp(Runnable work) {
        for (double spent = 0; spent < WARM_UP_SECONDS;) {
            spent += seconds(work);
        }
    }

    private static double seconds(Runnable work) {
        long begin = System.nanoTime();
        work.run();
        return (System.nanoTime() - begin) / NANOS;
    }
}
