package dev.rwkv4j.tool.convert;

import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.LongStream;

/** Writes models by other programs' names, and with their shapes. */
final class Dialects {
    private Dialects() {
    }

    /** As transformers, and the code published with RWKV-5 and 6, do. */
    static Map<String, Values> huggingFace(Map<String, Values> model) {
        Map<String, Values> tensors = new LinkedHashMap<>();
        model.forEach((name, values) -> tensors.put(name.equals("head.weight")
                ? name
                : "rwkv." + name.replace("emb.weight", "embeddings.weight").replace(".ln0.", ".pre_ln.")
                        .replace(".att.", ".attention.").replace(".ffn.", ".feed_forward.")
                        .replaceAll("time_mix_k$", "time_mix_key").replaceAll("time_mix_v$", "time_mix_value")
                        .replaceAll("time_mix_r$", "time_mix_receptance").replaceAll("time_mix_g$", "time_mix_gate"),
                values));
        return tensors;
    }

    /** As flash-linear-attention does with RWKV-7: six lerps, or one tensor of them. */
    static Map<String, Values> fla(Map<String, Values> model, boolean fused) {
        Map<String, Values> tensors = new LinkedHashMap<>();
        model.forEach((name, values) -> {
            String inner = name.replaceFirst("blocks\\.\\d+\\.", "");
            String layer = "model.layers." + name.replaceAll("blocks\\.(\\d+)\\..*", "$1") + ".";
            if (inner.matches("att\\.[wavg][12]")) {
                tensors.put(layer + "attn." + inner.charAt(4) + "_lora.lora." + (inner.endsWith("1") ? 0 : 2)
                        + ".weight", transposed(values));
            } else if (inner.matches("att\\.[wav]0")) {
                tensors.put(layer + "attn." + inner.charAt(4) + "_lora.lora.2.bias", squeezed(values));
            } else if (inner.matches("att\\.x_.") && fused) {
                tensors.computeIfAbsent(layer + "attn.x_x", _ -> fused(model, name));
            } else {
                tensors.put(flaName(name, inner, layer), inner.contains("_k") ? squeezed(values) : values);
            }
        });
        tensors.keySet().removeIf(name -> name.startsWith("model.layers.0.attn.v_lora"));
        return tensors;
    }

    private static String flaName(String name, String inner, String layer) {
        return switch (inner) {
            case "emb.weight" -> "model.embeddings.weight";
            case "head.weight" -> "lm_head.weight";
            case "att.receptance.weight" -> layer + "attn.r_proj.weight";
            case "att.key.weight" -> layer + "attn.k_proj.weight";
            case "att.value.weight" -> layer + "attn.v_proj.weight";
            case "att.output.weight" -> layer + "attn.o_proj.weight";
            default -> name.startsWith("ln_out")
                    ? name.replace("ln_out", "model.norm")
                    : layer + inner.replace("ln0", "pre_norm").replace("ln1", "attn_norm").replace("ln2", "ffn_norm")
                            .replace("att.ln_x", "attn.g_norm").replace("att.", "attn.");
        };
    }

    /** The six lerps of a block, of which one is named. */
    private static Values fused(Map<String, Values> model, String name) {
        int width = model.get(name).data().length;
        float[] all = new float[6 * width];
        for (int i = 0; i < 6; i++) {
            String part = name.substring(0, name.length() - 1) + "rwkvag".charAt(i);
            System.arraycopy(model.get(part).data(), 0, all, i * width, width);
        }
        return new Values(new long[]{6, width}, all);
    }

    /** As Rwkv7ForCausalLM does. */
    static Map<String, Values> rwkv7ForCausalLm(Map<String, Values> model) {
        Map<String, Values> tensors = new LinkedHashMap<>();
        model.forEach((name, values) -> tensors.put(name.equals("head.weight")
                ? "lm_head.weight"
                : "model." + name.replace("emb.weight", "embeddings.weight").replace("blocks.0.ln0", "pre_ln")
                        .replace("blocks.", "layers.").replace(".att.", ".attention.")
                        .replace(".ffn.", ".feed_forward."),
                values));
        return tensors;
    }

    /** As web-rwkv does, but for its 16 bits. */
    static Map<String, Values> webRwkv(Map<String, Values> model) {
        Map<String, Values> tensors = new LinkedHashMap<>();
        model.forEach((name, values) -> {
            String newName = name.replace("time_faaaa", "time_first").replace("time_maa", "time_mix");
            Values each = name.matches(".*(time_decay|time_faaaa)") && values.shape().length == 1
                    && model.containsKey("blocks.0.att.gate.weight")
                            ? repeated(values, (int) (model.get("blocks.0.att.key.weight").shape()[0]
                                    / values.shape()[0]))
                            : values;
            tensors.put(newName, newName.matches(".*(_w[12]|\\.[wavg][12])") ? transposed(each) : each);
        });
        return tensors;
    }

    private static Values repeated(Values values, int times) {
        float[] data = new float[values.data().length * times];
        for (int i = 0; i < data.length; i++) {
            data[i] = values.data()[i / times];
        }
        return new Values(new long[]{values.data().length, times}, data);
    }

    private static Values squeezed(Values values) {
        return new Values(LongStream.of(values.shape()).filter(size -> size != 1).toArray(), values.data());
    }

    /** With the last two dimensions swapped. */
    static Values transposed(Values values) {
        long[] shape = values.shape().clone();
        int rows = (int) shape[shape.length - 2];
        int columns = (int) shape[shape.length - 1];
        shape[shape.length - 2] = columns;
        shape[shape.length - 1] = rows;
        float[] data = new float[values.data().length];
        for (int start = 0; start < data.length; start += rows * columns) {
            for (int i = 0; i < rows * columns; i++) {
                data[start + i % columns * rows + i / columns] = values.data()[start + i];
            }
        }
        return new Values(Arrays.copyOf(shape, shape.length), data);
    }
}
