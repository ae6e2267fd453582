package dev.rwkv4j.tool.quantize;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.tool.convert.OutputTensor;
import dev.rwkv4j.tool.convert.TensorKind;
import java.util.regex.Pattern;

/**
 * A type for all matrices whose GGUF names match a pattern, whatever the mix says. Vectors have no choice of types.
 *
 * @param pattern a name, in which {@code *} stands for any characters and {@code ?} for one, for example
 *     {@code blk.0.*} or {@code *.channel_mix_value.weight}
 * @param type what they get
 */
public record TypeOverride(String pattern, GgmlType type) {
    boolean matches(OutputTensor tensor) {
        return tensor.kind() != TensorKind.VECTOR && regex().matcher(tensor.name()).matches();
    }

    private Pattern regex() {
        String quoted = Pattern.quote(pattern).replace("*", "\\E.*\\Q").replace("?", "\\E.\\Q");
        return Pattern.compile(quoted);
    }
}
