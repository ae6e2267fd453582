package dev.rwkv4j.tool.convert;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;

/** The tensors of a checkpoint, asked for by name and checked; knows in the end which ones nobody has asked for. */
final class NamedTensors {
    private static final int SHOWN = 5;

    private final Checkpoint checkpoint;
    private final Set<String> used = new HashSet<>();

    NamedTensors(Checkpoint checkpoint) {
        this.checkpoint = checkpoint;
    }

    boolean has(String name) {
        return checkpoint.tensors().containsKey(name);
    }

    /** A tensor of any shape. */
    CheckpointTensor get(String name) throws CheckpointFormatException {
        CheckpointTensor tensor = checkpoint.tensors().get(name);
        if (tensor == null) {
            throw fail("there is no tensor " + name);
        }
        used.add(name);
        return tensor;
    }

    /** Floats, in any shape of {@code elements} elements: leading ones come and go. */
    CheckpointTensor vector(String name, long elements) throws CheckpointFormatException {
        CheckpointTensor tensor = unquantized(name);
        if (tensor.elements() != elements) {
            throw wrongShape(tensor, elements);
        }
        return tensor;
    }

    CheckpointTensor unquantized(String name) throws CheckpointFormatException {
        CheckpointTensor tensor = get(name);
        if (tensor.type().isQuantized()) {
            throw fail("tensor " + tensor.name() + " is quantised (" + tensor.type() + "), which only matrices may be");
        }
        return tensor;
    }

    /** Whether a lerp of versions 4 and 5 is the weight of the previous token, not of the current one. */
    boolean lerpsOfPrevious() {
        return checkpoint.container().lerpsOfPrevious();
    }

    /** Two dimensions of any size. */
    CheckpointTensor matrix(String name) throws CheckpointFormatException {
        CheckpointTensor tensor = get(name).withoutLeadingOnes();
        if (tensor.shape().length != 2) {
            throw fail("tensor " + tensor.name() + " of shape " + Arrays.toString(tensor.shape()) + " is not a matrix");
        }
        return tensor;
    }

    CheckpointTensor matrix(String name, long rows, long columns) throws CheckpointFormatException {
        return check(matrix(name), rows, columns);
    }

    /** A low-rank matrix of any size, [out, in] however the container has it. */
    CheckpointTensor lowRank(String name) throws CheckpointFormatException {
        CheckpointTensor tensor = matrix(name);
        return checkpoint.container().lowRankTransposed() ? tensor : tensor.transposed();
    }

    CheckpointTensor lowRank(String name, long rows, long columns) throws CheckpointFormatException {
        return check(lowRank(name), rows, columns);
    }

    /** A row of low-rank matrices, each [out, in] however the container has them. */
    CheckpointTensor lowRanks(String name, long count, long rows, long columns) throws CheckpointFormatException {
        CheckpointTensor tensor = unquantized(name);
        if (tensor.shape().length != 3) {
            throw wrongShape(tensor, count, rows, columns);
        }
        return check(checkpoint.container().lowRankTransposed() ? tensor : tensor.transposed(), count, rows, columns);
    }

    private CheckpointTensor check(CheckpointTensor tensor, long... shape) throws CheckpointFormatException {
        if (!Arrays.equals(tensor.shape(), shape)) {
            throw wrongShape(tensor, shape);
        }
        return tensor;
    }

    private CheckpointFormatException wrongShape(CheckpointTensor tensor, long... expected) {
        return fail("tensor " + tensor.name() + " has the shape " + Arrays.toString(tensor.shape()) + " where "
                + LongStream.of(expected).boxed().toList() + " was expected");
    }

    /** Says that a tensor is known, and not needed. */
    void skip(String name) {
        used.add(name);
    }

    /** Whatever is left belongs to an architecture that is not known. */
    void checkAllUsed() throws CheckpointFormatException {
        List<String> unknown = checkpoint.tensors().keySet().stream().filter(name -> !used.contains(name)).toList();
        if (!unknown.isEmpty()) {
            String more = unknown.size() > SHOWN ? " and " + (unknown.size() - SHOWN) + " more" : "";
            throw fail("this version of RWKV has no tensors " + String.join(", ",
                    unknown.subList(0, Math.min(SHOWN, unknown.size()))) + more
                    + "; it may be a variant that is not supported");
        }
    }

    Set<String> names() {
        return checkpoint.tensors().keySet();
    }

    CheckpointFormatException fail(String problem) {
        return new CheckpointFormatException(checkpoint.path(), problem);
    }
}
