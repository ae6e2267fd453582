package dev.rwkv4j.tool.convert;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

/**
 * Models of a few hundred random weights, by BlinkDL's names: two layers of width 8 with two heads, and a vocabulary of 16.
 */
final class TinyModel {
    static final int WIDTH = 8;
    static final int HEADS = 2;
    static final int HEAD_SIZE = 4;
    static final int HIDDEN = 12;
    static final int VOCABULARY = 16;
    static final int LAYERS = 2;

    /** Slowest dimension first. */
    record Values(long[] shape, float[] data) {
    }

    private final SplittableRandom random = new SplittableRandom(1);
    private final Map<String, Values> tensors = new LinkedHashMap<>();

    private TinyModel() {
    }

    /** Of version 4, 5.0, 5.1, 5.2, 6 or 7. */
    static Map<String, Values> of(String version) {
        return new TinyModel().model(version);
    }

    private Map<String, Values> model(String version) {
        add("emb.weight", VOCABULARY, WIDTH);
        norm("blocks.0.ln0");
        for (int i = 0; i < LAYERS; i++) {
            String block = "blocks." + i + ".";
            norm(block + "ln1");
            norm(block + "ln2");
            matrices(block, version);
            vectors(block, version);
        }
        norm("ln_out");
        add("head.weight", VOCABULARY, WIDTH);
        return tensors;
    }

    private void matrices(String block, String version) {
        add(block + "att.key.weight", WIDTH, WIDTH);
        add(block + "att.value.weight", WIDTH, WIDTH);
        add(block + "att.receptance.weight", WIDTH, WIDTH);
        add(block + "att.output.weight", WIDTH, WIDTH);
        add(block + "ffn.key.weight", HIDDEN, WIDTH);
        add(block + "ffn.value.weight", WIDTH, HIDDEN);
        if (!version.equals("7")) {
            add(block + "ffn.receptance.weight", WIDTH, WIDTH);
        }
        if (version.equals("5.1") || version.equals("5.2") || version.equals("6")) {
            add(block + "att.gate.weight", WIDTH, WIDTH);
        }
        if (!version.equals("4")) {
            norm(block + "att.ln_x");
        }
    }

    private void vectors(String block, String version) {
        switch (version) {
            case "4" -> {
                lerps(block, "att.time_mix_", "kvr");
                lerps(block, "ffn.time_mix_", "kr");
                add(block + "att.time_decay", WIDTH);
                add(block + "att.time_first", WIDTH);
            }
            case "5.0" -> {
                lerps(block, "att.time_mix_", "kvr");
                lerps(block, "ffn.time_mix_", "kr");
                add(block + "att.time_decay", HEADS);
                add(block + "att.time_first", HEADS);
            }
            case "5.1" -> {
                lerps(block, "att.time_mix_", "kvrg");
                lerps(block, "ffn.time_mix_", "kr");
                add(block + "att.time_decay", HEADS);
                add(block + "att.time_faaaa", HEADS);
            }
            case "5.2" -> {
                lerps(block, "att.time_mix_", "kvrg");
                lerps(block, "ffn.time_mix_", "kr");
                add(block + "att.time_decay", HEADS, HEAD_SIZE);
                add(block + "att.time_faaaa", HEADS, HEAD_SIZE);
            }
            case "6" -> {
                lerps(block, "att.time_maa_", "xwkvrg");
                lerps(block, "ffn.time_maa_", "kr");
                add(block + "att.time_maa_w1", WIDTH, 5 * 3);
                add(block + "att.time_maa_w2", 5, 3, WIDTH);
                add(block + "att.time_decay", 1, 1, WIDTH);
                add(block + "att.time_decay_w1", WIDTH, 6);
                add(block + "att.time_decay_w2", 6, WIDTH);
                add(block + "att.time_faaaa", HEADS, HEAD_SIZE);
            }
            default -> {
                lerps(block, "att.x_", "rwkvag");
                lerps(block, "ffn.x_", "k");
                adapter(block, "w", 5);
                adapter(block, "a", 3);
                adapter(block, "v", 2);
                add(block + "att.g1", WIDTH, 7);
                add(block + "att.g2", 7, WIDTH);
                add(block + "att.k_k", 1, 1, WIDTH);
                add(block + "att.k_a", 1, 1, WIDTH);
                add(block + "att.r_k", HEADS, HEAD_SIZE);
            }
        }
    }

    private void adapter(String block, String letter, int rank) {
        add(block + "att." + letter + "0", 1, 1, WIDTH);
        add(block + "att." + letter + "1", WIDTH, rank);
        add(block + "att." + letter + "2", rank, WIDTH);
    }

    private void lerps(String block, String name, String letters) {
        for (char letter : letters.toCharArray()) {
            add(block + name + letter, 1, 1, WIDTH);
        }
    }

    private void norm(String name) {
        add(name + ".weight", WIDTH);
        add(name + ".bias", WIDTH);
    }

    private void add(String name, long... shape) {
        float[] data = new float[(int) LongStream.of(shape).reduce(1, Math::multiplyExact)];
        for (int i = 0; i < data.length; i++) {
            data[i] = (float) random.nextDouble(-1, 1);
        }
        tensors.put(name, new Values(shape, data));
    }
}
