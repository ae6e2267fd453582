package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.LongStream;

/**
 * Reads models of rwkv.cpp: a header, then tensor after tensor until the end of the file. Its converter changes values
 * and shapes; here they become BlinkDL's again.
 */
final class RwkvCppReader {
    static final byte[] MAGIC = {'f', 'm', 'g', 'g'};

    private static final int FLOATS_ONLY_VERSION = 100;
    private static final int VERSION = 101;
    private static final int MAX_DIMENSIONS = 3;
    private static final int MAX_NAME_BYTES = 255;

    /** What one file may make a small heap hold; real files have some 2500. */
    private static final int MAX_TENSORS = 1 << 16;

    /** GGML's numbers as they were when this format was made: from 7 on one above today's. */
    private static final Map<Integer, GgmlType> TYPES = Map.ofEntries(
            Map.entry(0, GgmlType.F32),
            Map.entry(1, GgmlType.F16),
            Map.entry(2, GgmlType.Q4_0),
            Map.entry(3, GgmlType.Q4_1),
            Map.entry(7, GgmlType.Q5_0),
            Map.entry(8, GgmlType.Q5_1),
            Map.entry(9, GgmlType.Q8_0),
            Map.entry(11, GgmlType.Q2_K),
            Map.entry(12, GgmlType.Q3_K),
            Map.entry(13, GgmlType.Q4_K),
            Map.entry(14, GgmlType.Q5_K),
            Map.entry(15, GgmlType.Q6_K));

    private static final String FUSED_LERPS = ".att.x_rwkvag";

    /** What e^(-e^d) can't tell from 0, and from 1: below and above every float between them. */
    private static final double LARGEST_DECAY = 5;

    private static final double SMALLEST_DECAY = -20;

    private final Path path;
    private final FileCursor in;
    private final Map<String, CheckpointTensor> stored = new LinkedHashMap<>();

    RwkvCppReader(Path path, MemorySegment file) {
        this.path = path;
        this.in = new FileCursor(path, file, 0, file.byteSize());
    }

    /** Tensors by name, in the order of the file. */
    Map<String, CheckpointTensor> read() throws CheckpointFormatException {
        in.skip(MAGIC.length, "the header");
        int version = in.i4("the version");
        if (version != FLOATS_ONLY_VERSION && version != VERSION) {
            throw in.fail(MAGIC.length, "version " + version + " of rwkv.cpp's format is not supported, only "
                    + FLOATS_ONLY_VERSION + " and " + VERSION);
        }
        long vocabulary = in.i4("the vocabulary size");
        long width = in.i4("the width");
        long layers = in.i4("the number of layers");
        in.i4("the type");
        while (in.left() > 0) {
            readTensor(version);
        }
        checkHeader(vocabulary, width, layers);
        return restored();
    }

    private void readTensor(int version) throws CheckpointFormatException {
        long at = in.position();
        int dimensions = in.i4("a number of dimensions");
        int nameBytes = in.i4("the length of a name");
        int typeNumber = in.i4("a type");
        if (dimensions < 1 || dimensions > MAX_DIMENSIONS || nameBytes < 1 || nameBytes > MAX_NAME_BYTES) {
            throw in.fail(at, "a tensor of " + dimensions + " dimensions with a name of " + nameBytes
                    + " bytes can't be; the file is damaged");
        }
        long[] shape = new long[dimensions];
        for (int i = dimensions - 1; i >= 0; i--) {
            shape[i] = in.i4("a dimension");
        }
        String name = in.utf8(nameBytes, "a name");
        GgmlType type = type(at, version, name, typeNumber);
        if (LongStream.of(shape).anyMatch(n -> n <= 0) || shape[dimensions - 1] % type.blockElements() != 0) {
            throw in.fail(at, "tensor " + name + " of type " + type + " has impossible dimensions");
        }
        MemorySegment data = in.take(bytes(at, name, type, shape), "tensor " + name);
        if (stored.size() == MAX_TENSORS) {
            throw in.fail(at, "there are more than " + MAX_TENSORS + " tensors");
        }
        if (stored.put(name, CheckpointTensor.contiguous(path, name, ElementType.of(type), data, shape)) != null) {
            throw in.fail(at, "two tensors are named " + name);
        }
    }

    private GgmlType type(long at, int version, String name, int number) throws CheckpointFormatException {
        GgmlType type = TYPES.get(number);
        if (type == null) {
            throw in.fail(at, "tensor " + name + " is of the unknown type " + number);
        }
        if (version == FLOATS_ONLY_VERSION && type.isQuantized()) {
            throw in.fail(at, "tensor " + name + " is quantised as version " + FLOATS_ONLY_VERSION
                    + " of the format did it, which is not supported; convert the original checkpoint instead");
        }
        return type;
    }

    private long bytes(long at, String name, GgmlType type, long[] shape) throws CheckpointFormatException {
        try {
            return type.bytes(LongStream.of(shape).reduce(1, Math::multiplyExact));
        } catch (ArithmeticException e) {
            throw in.fail(at, "tensor " + name + " has impossible dimensions");
        }
    }

    private void checkHeader(long vocabulary, long width, long layers) throws CheckpointFormatException {
        CheckpointTensor embedding = stored.get("emb.weight");
        if (embedding == null || !List.of(vocabulary, width).equals(LongStream.of(embedding.shape()).boxed().toList())
                || !stored.containsKey("blocks." + (layers - 1) + ".ln1.weight")
                || stored.containsKey("blocks." + layers + ".ln1.weight")) {
            throw new CheckpointFormatException(path, "the header says " + layers + " layers of width " + width
                    + " and a vocabulary of " + vocabulary + ", and the tensors say something else");
        }
    }

    private Map<String, CheckpointTensor> restored() throws CheckpointFormatException {
        Map<String, CheckpointTensor> restored = new LinkedHashMap<>();
        for (CheckpointTensor tensor : stored.values()) {
            String name = tensor.name();
            if (name.endsWith(FUSED_LERPS)) {
                split(tensor, restored);
            } else if (name.endsWith(".att.time_decay")) {
                restored.put(name, withoutLastOne(decay(tensor)));
            } else if (name.endsWith(".att.time_first") || name.endsWith(".att.time_faaaa")) {
                restored.put(name, withoutLastOne(first(tensor)));
            } else {
                restored.put(name, tensor);
            }
        }
        return restored;
    }

    /** RWKV-7: one tensor [6, 1, C] in the place of six. */
    private void split(CheckpointTensor fused, Map<String, CheckpointTensor> restored)
            throws CheckpointFormatException {
        if (fused.shape()[0] != 6 || fused.type().isQuantized()) {
            throw new CheckpointFormatException(path, "tensor " + fused.name() + " is not made of six float vectors");
        }
        String prefix = fused.name().substring(0, fused.name().length() - "rwkvag".length());
        for (int i = 0; i < 6; i++) {
            String name = prefix + "rwkvag".charAt(i);
            if (restored.put(name, fused.slice(i)) != null || stored.containsKey(name)) {
                throw new CheckpointFormatException(path, "two tensors are named " + name);
            }
        }
    }

    /** A trailing dimension of 1 is there for rwkv.cpp's own sake, except in official 5.1: [H, 1] is one for each head. */
    private static CheckpointTensor withoutLastOne(CheckpointTensor tensor) {
        long[] shape = tensor.shape();
        return shape.length == 3 && shape[2] == 1 ? tensor.withoutLastDimension() : tensor;
    }

    private CheckpointTensor decay(CheckpointTensor tensor) throws CheckpointFormatException {
        if (stored.containsKey("blocks.0.att.time_maa_x")) {
            return tensor;
        }
        return changed(tensor, stored.containsKey("blocks.0.att.ln_x.weight")
                ? RwkvCppReader::fromDoubleExponential
                : RwkvCppReader::fromExponential);
    }

    private CheckpointTensor first(CheckpointTensor tensor) throws CheckpointFormatException {
        boolean exponential = stored.containsKey("blocks.0.att.ln_x.weight") && tensor.name().endsWith("time_first");
        return exponential ? changed(tensor, Math::log) : tensor;
    }

    private CheckpointTensor changed(CheckpointTensor tensor, DoubleUnaryOperator inverse)
            throws CheckpointFormatException {
        if (tensor.type().isQuantized()) {
            throw new CheckpointFormatException(path, "tensor " + tensor.name() + " must not be quantised");
        }
        return tensor.mapped(inverse);
    }

    /** d of {@code x = -e^d}. */
    private static double fromExponential(double x) {
        return x > 0 ? Double.NaN : Math.log(Math.max(-x, Float.MIN_VALUE));
    }

    /** d of {@code x = e^(-e^d)}. */
    private static double fromDoubleExponential(double x) {
        return Math.clamp(Math.log(-Math.log(x)), SMALLEST_DECAY, LARGEST_DECAY);
    }
}
