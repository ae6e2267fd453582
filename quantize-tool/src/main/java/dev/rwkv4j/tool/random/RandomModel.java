package dev.rwkv4j.tool.random;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.gguf.GgufWriter.TensorOutput;
import dev.rwkv4j.tool.convert.FileType;
import dev.rwkv4j.tool.random.ModelShape.LowRanks;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.DoubleConsumer;

/**
 * A model of any shape with random weights, for measuring and testing: it costs what a trained model of this shape
 * costs, and its activations are of the same sizes, but what it says means nothing.
 *
 * <p>Files are complete: for RWKV-6 and 7 llama.cpp loads them too. There is no tokenizer in them.
 *
 * <p>Matrices get the type that is asked for, or what llama.cpp's quantiser falls back to where a row isn't a multiple
 * of the type's block: from the blocks of 256 to blocks of 32 with at least as many bits, then to F16. What is not a
 * matrix is F32.
 *
 * @param shape all sizes
 * @param types the type of each matrix
 * @param seed what the values are drawn from: the same seed gives the same file
 */
public record RandomModel(ModelShape shape, MatrixTypes types, long seed) {
    /** As llama.cpp's converter says it; the models have no such limit. */
    private static final int CONTEXT_LENGTH = 1048576;

    /** Checks that nothing is null. */
    public RandomModel {
        Objects.requireNonNull(shape, "shape");
        Objects.requireNonNull(types, "types");
    }

    /**
     * Writes the file. Needs little memory however large the model is, and computes on all processors.
     *
     * @param target is replaced if it exists, and left alone if writing fails
     * @param progress told from time to time which part of the weights is written, from 0 to 1
     * @throws IOException if the file can't be written
     */
    public void write(Path target, DoubleConsumer progress) throws IOException {
        List<TensorPlan> plans = TensorPlan.of(shape);
        long elements = plans.stream().mapToLong(TensorPlan::elements).sum();
        int threads = Runtime.getRuntime().availableProcessors();
        try (ExecutorService workers = Executors.newFixedThreadPool(threads)) {
            GgufWriter writer = new GgufWriter();
            describe(writer, mainType(plans));
            Production production = new Production(workers, 2 * threads, elements, progress);
            for (TensorPlan plan : plans) {
                RandomTensor tensor = new RandomTensor(plan, typeOf(plan), seed);
                long[] dims = plan.dims().stream().mapToLong(Long::longValue).toArray();
                writer.addTensor(plan.name(), tensor.type(), dims, out -> production.write(tensor, out));
            }
            writer.write(target);
        }
    }

    private void describe(GgufWriter writer, GgmlType mainType) {
        String prefix = shape.version().architecture() + ".";
        writer.putString("general.architecture", shape.version().architecture())
                .putString("general.name", "random weights, seed " + seed)
                .putUint32(FileType.KEY, FileType.of(mainType))
                .putUint32("general.quantization_version", 2)
                .putUint32(prefix + "context_length", CONTEXT_LENGTH)
                .putUint32(prefix + "embedding_length", shape.width())
                .putUint32(prefix + "block_count", shape.layerCount())
                .putUint32(prefix + "feed_forward_length", shape.channelMixWidth())
                .putUint32(prefix + "vocab_size", shape.vocabularySize())
                .putFloat32(prefix + "attention.layer_norm_epsilon", 1e-5f)
                .putUint32(prefix + "attention.head_count", 0);
        if (shape.version() != Version.V4) {
            writer.putUint32(prefix + "wkv.head_size", shape.headSize());
        }
        LowRanks ranks = shape.ranks();
        switch (shape.version()) {
            case V4, V5_0, V5_2 -> {
                // No low-rank matrices.
            }
            case V6 -> writer.putUint32(prefix + "rescale_every_n_layers", 0)
                    .putUint32(prefix + "time_mix_extra_dim", ranks.tokenShift())
                    .putUint32(prefix + "time_decay_extra_dim", ranks.decay());
            case V7 -> writer.putUint32(prefix + "attention.decay_lora_rank", ranks.decay())
                    .putUint32(prefix + "attention.iclr_lora_rank", ranks.learningRate())
                    .putUint32(prefix + "attention.value_residual_mix_lora_rank", ranks.value())
                    .putUint32(prefix + "attention.gate_lora_rank", ranks.gate());
        }
        writer.putString("tokenizer.ggml.model", "none");
    }

    /** The type that most elements have. */
    private GgmlType mainType(List<TensorPlan> plans) {
        Map<GgmlType, Long> elements = new EnumMap<>(GgmlType.class);
        plans.forEach(plan -> elements.merge(typeOf(plan), plan.elements(), Long::sum));
        return Collections.max(elements.entrySet(), Map.Entry.comparingByValue()).getKey();
    }

    private GgmlType typeOf(TensorPlan plan) {
        return plan.kind()
                .map(kind -> storable(types.of(plan.name(), kind), plan.rowLength()))
                .orElse(GgmlType.F32);
    }

    private static GgmlType storable(GgmlType type, int rowLength) {
        if (rowLength % type.blockElements() == 0) {
            return type;
        }
        return switch (type) {
            case Q2_K, Q3_K -> storable(GgmlType.Q4_0, rowLength);
            case Q4_K -> storable(GgmlType.Q5_0, rowLength);
            case Q5_K -> storable(GgmlType.Q5_1, rowLength);
            case Q6_K -> storable(GgmlType.Q8_0, rowLength);
            default -> GgmlType.F16;
        };
    }

    /** Has pieces made by many threads, a few at a time, and writes them in order. */
    private static final class Production {
        private final ExecutorService workers;
        private final int pending;
        private final double allElements;
        private final DoubleConsumer progress;
        private long writtenElements;

        Production(ExecutorService workers, int pending, long allElements, DoubleConsumer progress) {
            this.workers = workers;
            this.pending = pending;
            this.allElements = allElements;
            this.progress = progress;
        }

        void write(RandomTensor tensor, TensorOutput out) throws IOException {
            Queue<Future<byte[]>> pieces = new ArrayDeque<>();
            for (int next = 0; next < tensor.pieceCount() || !pieces.isEmpty();) {
                if (next < tensor.pieceCount() && pieces.size() < pending) {
                    int index = next++;
                    pieces.add(workers.submit(() -> tensor.piece(index)));
                } else {
                    out.write(MemorySegment.ofArray(await(pieces.remove())));
                }
            }
            writtenElements += tensor.plan().elements();
            progress.accept(writtenElements / allElements);
        }

        private static byte[] await(Future<byte[]> piece) throws IOException {
            try {
                return piece.get();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted while writing a random model");
            } catch (ExecutionException e) {
                switch (e.getCause()) {
                    case RuntimeException cause -> throw cause;
                    case Error cause -> throw cause;
                    default -> throw new AssertionError("pieces throw no checked exceptions", e);
                }
            }
        }
    }
}
