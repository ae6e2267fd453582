package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.tool.convert.EncodingQueue.Job;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
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
        try (ModelSource model = ModelSource.of(read(name, content))) {
            List<Job> jobs = model.tensors().stream()
                    .map(tensor -> new Job(tensor, tensor.keptType(), RowEncoder.PLAIN))
                    .toList();
            try (EncodingQueue queue = new EncodingQueue(jobs, 1)) {
                for (long left = jobs.stream().mapToLong(Job::bytes).sum(); left > 0;) {
                    left -= queue.writeNext(_ -> {
                    });
                }
            }
        }
    }

    private static Checkpoint read(Path name, byte[] content) throws IOException {
        Arena arena = Arena.ofConfined();
        try {
            return Checkpoint.read(name, arena, MemorySegment.ofArray(content));
        } catch (Throwable e) {
            arena.close();
            throw e;
        }
    }
}
