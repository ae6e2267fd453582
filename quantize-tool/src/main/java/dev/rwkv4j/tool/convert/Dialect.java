package dev.rwkv4j.tool.convert;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The names that programs give to the tensors of RWKV, and how BlinkDL's are made of them. */
enum Dialect {
    /** RWKV-4 of {@code transformers}, and 5 and 6 of the code that came with published models. */
    HUGGING_FACE(name -> name.startsWith("rwkv.blocks."),
            rename("rwkv\\.embeddings\\.weight", "emb.weight"),
            rename("rwkv\\.(ln_out\\..+)", "$1"),
            rename("rwkv\\.blocks\\.0\\.pre_ln\\.(.+)", "blocks.0.ln0.$1"),
            rename("rwkv\\.(blocks\\.\\d+\\.ln.+)", "$1"), // Their words begin with BlinkDL's letters.
            rename("rwkv\\.(blocks\\.\\d+\\.att)ention\\.(time_mix_[kvrg])(?:ey|alue|eceptance|ate)", "$1.$2"),
            rename("rwkv\\.(blocks\\.\\d+\\.att)ention\\.(.+)", "$1.$2"),
            rename("rwkv\\.(blocks\\.\\d+\\.)feed_forward\\.(time_mix_[kr])(?:ey|eceptance)", "$1ffn.$2"),
            rename("rwkv\\.(blocks\\.\\d+\\.)feed_forward\\.(.+)", "$1ffn.$2")),

    /** RWKV-7 of flash-linear-attention: low-rank matrices are those of linear layers, [out, in]. */
    FLA(name -> name.matches("model\\.layers\\.\\d+\\.attn\\..+_proj\\.weight"),
            rename("model\\.embeddings\\.weight", "emb.weight"),
            rename("lm_head\\.weight", "head.weight"),
            rename("model\\.norm\\.(.+)", "ln_out.$1"),
            rename("model\\.layers\\.0\\.pre_norm\\.(.+)", "blocks.0.ln0.$1"),
            rename("model\\.layers\\.(\\d+)\\.attn_norm\\.(.+)", "blocks.$1.ln1.$2"),
            rename("model\\.layers\\.(\\d+)\\.ffn_norm\\.(.+)", "blocks.$1.ln2.$2"),
            rename("model\\.layers\\.(\\d+)\\.attn\\.r_proj\\.weight", "blocks.$1.att.receptance.weight"),
            rename("model\\.layers\\.(\\d+)\\.attn\\.k_proj\\.weight", "blocks.$1.att.key.weight"),
            rename("model\\.layers\\.(\\d+)\\.attn\\.v_proj\\.weight", "blocks.$1.att.value.weight"),
            rename("model\\.layers\\.(\\d+)\\.attn\\.o_proj\\.weight", "blocks.$1.att.output.weight"),
            rename("model\\.layers\\.(\\d+)\\.attn\\.g_norm\\.(.+)", "blocks.$1.att.ln_x.$2"),
            rename("model\\.layers\\.(\\d+)\\.attn\\.([wav])_lora\\.lora\\.2\\.bias", "blocks.$1.att.$20"),
            transpose("model\\.layers\\.(\\d+)\\.attn\\.([wavg])_lora\\.lora\\.0\\.weight", "blocks.$1.att.$21"),
            transpose("model\\.layers\\.(\\d+)\\.attn\\.([wavg])_lora\\.lora\\.2\\.weight", "blocks.$1.att.$22"),
            rename("model\\.layers\\.(\\d+)\\.attn\\.(x_[rwkvagx]|k_k|k_a|r_k)", "blocks.$1.att.$2"),
            rename("model\\.layers\\.(\\d+)\\.ffn\\.(x_k|key\\.weight|value\\.weight)", "blocks.$1.ffn.$2")) {
        /** The group norm has the same epsilon there as the layer norms, but of values that are not divided by 8. */
        @Override
        ModelConstants constants(ModelConfig config, long headSize) {
            return ModelConstants.OFFICIAL.withEpsilons(config.normEpsilon(), headSize * config.normEpsilon());
        }
    },

    /** {@code Rwkv7ForCausalLM}: BlinkDL's inner names in other blocks. */
    RWKV7_HUGGING_FACE(name -> name.matches("model\\.layers\\.\\d+\\.(?:self_attn|attn|attention)\\..+"),
            rename("model\\.(?:embeddings|emb)\\.weight", "emb.weight"),
            rename("(?:model\\.)?(?:lm_)?head\\.weight", "head.weight"),
            rename("model\\.(?:ln_out|norm)\\.(.+)", "ln_out.$1"),
            rename("model\\.(?:layers\\.0\\.)?pre_(?:ln|norm)\\.(.+)", "blocks.0.ln0.$1"),
            rename("model\\.layers\\.(\\d+)\\.(ln[12]\\..+)", "blocks.$1.$2"),
            rename("model\\.layers\\.(\\d+)\\.(?:self_attn|attn|attention)\\.(?:time_mixer\\.)?(.+)",
                    "blocks.$1.att.$2"),
            rename("model\\.layers\\.(\\d+)\\.(?:feed_forward|ffn)\\.(.+)", "blocks.$1.ffn.$2")),

    /** RWKV-6 of web-rwkv. Its other versions have BlinkDL's names. */
    WEB_RWKV(name -> name.equals("blocks.0.att.time_mix_x"),
            rename("(blocks\\.\\d+\\.(?:att|ffn)\\.time)_mix_(.+)", "$1_maa_$2"),
            rename("(blocks\\.\\d+\\.att\\.time)_first", "$1_faaaa")),

    /** The names that everything else goes by. */
    BLINKDL(_ -> true);

    private record Rule(Pattern pattern, String replacement, boolean transposed) {
    }

    private static final Pattern LOW_RANK = Pattern
            .compile("blocks\\.\\d+\\.att\\.(?:(?:time_maa|time_decay)_w|[wavg])[12]");

    private static final Pattern FIRST_LOW_RANK = Pattern
            .compile("blocks\\.\\d+\\.att\\.(?:(?:time_maa|time_decay)_w|[wavg])1");

    private static final String FUSED = ".att.x_x";

    private static final String FUSED_LETTERS = "rwkvag";

    private final Predicate<String> sign;
    private final List<Rule> rules;

    Dialect(Predicate<String> sign, Rule... rules) {
        this.sign = sign;
        this.rules = List.of(rules);
    }

    private static Rule rename(String pattern, String replacement) {
        return new Rule(Pattern.compile(pattern), replacement, false);
    }

    private static Rule transpose(String pattern, String replacement) {
        return new Rule(Pattern.compile(pattern), replacement, true);
    }

    /** Told by the names alone. */
    static Dialect of(Iterable<String> names) {
        for (Dialect dialect : values()) {
            for (String name : names) {
                if (dialect.sign.test(name)) {
                    return dialect;
                }
            }
        }
        return BLINKDL;
    }

    /**
     * Tensors by BlinkDL's names and with BlinkDL's shapes; those whose names this dialect does not have keep theirs.
     *
     * @param file named in messages
     */
    Map<String, CheckpointTensor> translate(Path file, Map<String, CheckpointTensor> stored)
            throws CheckpointFormatException {
        Map<String, CheckpointTensor> translated = new LinkedHashMap<>();
        for (Map.Entry<String, CheckpointTensor> entry : stored.entrySet()) {
            translate(file, entry.getKey(), entry.getValue(), translated);
        }
        if (this != FLA) {
            orient(translated);
        }
        return translated;
    }

    private void translate(Path file, String name, CheckpointTensor tensor, Map<String, CheckpointTensor> target)
            throws CheckpointFormatException {
        String newName = name;
        CheckpointTensor newTensor = tensor;
        for (Rule rule : rules) {
            Matcher matcher = rule.pattern.matcher(name);
            if (matcher.matches()) {
                newName = matcher.replaceFirst(rule.replacement);
                newTensor = rule.transposed && tensor.shape().length == 2 ? tensor.transposed() : tensor;
                break;
            }
        }
        if (newName.endsWith(FUSED)) {
            String prefix = newName.substring(0, newName.length() - 1);
            FusedLerps.split(file, newTensor, prefix, FUSED_LETTERS, target);
        } else if (target.put(newName, newTensor) != null) {
            throw new CheckpointFormatException(file, "two tensors are named " + newName);
        }
    }

    /**
     * Some programs store low-rank matrices [out, in], under the same names. The first matrix that is not square tells;
     * if all are, the names have to: web-rwkv always does.
     */
    private void orient(Map<String, CheckpointTensor> tensors) {
        CheckpointTensor embedding = tensors.get("emb.weight");
        if (embedding == null || embedding.shape().length != 2) {
            return;
        }
        if (swapped(tensors, embedding.shape()[1])) {
            tensors.replaceAll((name, tensor) -> LOW_RANK.matcher(name).matches() && tensor.shape().length > 1
                    ? tensor.transposed()
                    : tensor);
        }
    }

    private boolean swapped(Map<String, CheckpointTensor> tensors, long width) {
        for (Map.Entry<String, CheckpointTensor> entry : tensors.entrySet()) {
            long[] shape = entry.getValue().shape();
            if (FIRST_LOW_RANK.matcher(entry.getKey()).matches() && shape.length == 2 && shape[0] != shape[1]) {
                return shape[1] == width;
            }
        }
        return this == WEB_RWKV;
    }

    /**
     * What the model needs to know beside its tensors.
     *
     * @param file of the checkpoint, or its index
     * @param tensors translated
     * @throws CheckpointFormatException if there is a configuration beside the file and it is not usable
     * @throws IOException if it can't be read
     */
    ModelConstants constants(Path file, Map<String, CheckpointTensor> tensors) throws IOException {
        if (this == BLINKDL || this == WEB_RWKV) {
            return ModelConstants.OFFICIAL;
        }
        CheckpointTensor heads = tensors.get("blocks.0.att.r_k");
        boolean known = heads != null && heads.shape().length > 0;
        return constants(ModelConfig.beside(file), known ? heads.shape()[heads.shape().length - 1] : 0);
    }

    ModelConstants constants(ModelConfig config, long headSize) {
        return ModelConstants.OFFICIAL.withEpsilons(config.normEpsilon(), config.groupNormEpsilon());
    }
}
