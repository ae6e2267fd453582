package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Converts checkpoints that tests have made. */
final class Conversions {
    private Conversions() {
    }

    /** Converts to F32; the values of all tensors. */
    static Map<String, float[]> values(Path folder, byte[] checkpoint) throws IOException {
        return values(folder, checkpoint, Conversion.defaults().withType(GgmlType.F32));
    }

    /** The values of all tensors, which must be F32. */
    static Map<String, float[]> values(Path folder, byte[] checkpoint, Conversion conversion) throws IOException {
        Path source = Files.write(folder.resolve("checkpoint"), checkpoint);
        Path target = folder.resolve("model.gguf");
        conversion.withOverwrite(true).run(source, target, ConversionProgress.NONE);
        Map<String, float[]> values = new LinkedHashMap<>();
        try (GgufFile file = GgufFile.open(target)) {
            for (GgufTensor tensor : file.tensors().values()) {
                if (tensor.type() != GgmlType.F32) {
                    throw new IllegalStateException(tensor.name() + " is " + tensor.type());
                }
                values.put(tensor.name(), tensor.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED));
            }
        }
        return values;
    }

    /** Does everything that a conversion does but for reading and writing files. */
    static void dryRun(Path name, byte[] content) throws IOException {
        try (Checkpoint checkpoint = Checkpoint.read(name, Arena.ofConfined(), MemorySegment.ofArray(content))) {
            NamedTensors tensors = new NamedTensors(checkpoint);
            for (OutputTensor output : ModelLayout.of(tensors, ModelSizes.of(tensors)).outputs()) {
                output.write(output.type(null), _ -> {
                });
            }
        }
    }
}
