package dev.rwkv4j.tool.convert;

import java.util.List;
import java.util.function.Predicate;

/** Architectures that look like RWKV and compute something else, recognised by a name of a tensor. */
final class Variants {
    private record Variant(String description, Predicate<String> sign) {
    }

    private static final List<Variant> KNOWN = List.of(
            new Variant("it has been converted by the rwkv package for one of its strategies; convert the original "
                    + "checkpoint instead", name -> endsWithAny(name, "_mx", "_my", "_rx", "_ry")),
            new Variant("RWKV-7 with DeepEmbedAttention (7b) or RWKV-8 with attention is not supported",
                    name -> name.contains(".qkv.")),
            new Variant("RWKV-7 with DeepEmbed (7a) is not supported", name -> name.contains(".ffn.s_emb")),
            new Variant("RWKV-8 is not supported", name -> name.contains(".ffn.enn.")),
            new Variant("RWKV-6a is not supported", name -> name.endsWith(".att.gate_w1")),
            new Variant("RWKV-6b and 6c are not supported", name -> name.endsWith(".att.time_maa_rkvw_w1")),
            new Variant("experimental variants with ffnPre are not supported", name -> name.contains(".ffnPre.")),
            new Variant("experimental variants with an attention layer are not supported",
                    name -> containsAny(name, "tiny_", ".att.qq", ".att.kk", ".att.vv")),
            new Variant("experimental variants with a copying head are not supported",
                    name -> name.startsWith("head_q") || name.startsWith("head_k")),
            new Variant("experimental variants with a position encoding are not supported",
                    name -> name.startsWith("pos_emb")),
            new Variant("experimental variants with memory in the channel mix are not supported",
                    name -> containsAny(name, ".ffn.aa", ".ffn.bb")));

    private Variants() {
    }

    /** Refuses a checkpoint that is one of them. */
    static void refuse(NamedTensors tensors) throws CheckpointFormatException {
        for (Variant variant : KNOWN) {
            for (String name : tensors.names()) {
                if (variant.sign.test(name)) {
                    throw tensors.fail(variant.description + " (tensor " + name + ")");
                }
            }
        }
    }

    private static boolean endsWithAny(String name, String... parts) {
        return List.of(parts).stream().anyMatch(name::endsWith);
    }

    private static boolean containsAny(String name, String... parts) {
        return List.of(parts).stream().anyMatch(name::contains);
    }
}
