package dev.rwkv4j.tool.convert;

import java.util.Arrays;

/**
 * Version and sizes of a model, found out from names and shapes of its tensors.
 *
 * @param version 4, 5, 6 or 7
 * @param layers layers
 * @param width of the residual stream, and of the time mix
 * @param hidden width of the channel mix
 * @param vocabulary rows of embedding and head
 * @param headSize channels in a head; 0 for version 4, which has no heads
 * @param ranks of the low-rank matrices: for version 6 token shift and decay, for version 7 w, a, v and g, else none
 */
record ModelSizes(int version, long layers, long width, long hidden, long vocabulary, long headSize, long... ranks) {
    private static final String BLOCK = "blocks.0.";

    /** Far beyond all models; a limit for what comes out of damaged files. */
    private static final long MAX_SIZE = 1 << 24;

    static ModelSizes of(NamedTensors tensors) throws CheckpointFormatException {
        int version = version(tensors);
        long[] embedding = tensors.matrix("emb.weight").shape();
        long width = embedding[1];
        if (Arrays.stream(embedding).anyMatch(size -> size > MAX_SIZE)) {
            throw tensors.fail("tensor emb.weight has the shape " + Arrays.toString(embedding)
                    + ", which is larger than any model's");
        }
        long hidden = tensors.matrix(BLOCK + "ffn.key.weight").shape()[0];
        return new ModelSizes(version, layers(tensors), width, hidden, embedding[0], headSize(tensors, version, width),
                ranks(tensors, version));
    }

    String architecture() {
        return "rwkv" + version;
    }

    long heads() {
        return headSize == 0 ? 0 : width / headSize;
    }

    private static int version(NamedTensors tensors) throws CheckpointFormatException {
        Variants.refuse(tensors);
        if (tensors.has(BLOCK + "att.r_k")) {
            return 7;
        }
        if (tensors.has(BLOCK + "att.time_maa_x")) {
            return 6;
        }
        if (tensors.has(BLOCK + "att.ln_x.weight")) {
            return 5;
        }
        if (tensors.has(BLOCK + "att.time_first")) {
            return 4;
        }
        if (tensors.has(BLOCK + "att.time_state")) {
            throw tensors.fail("the file holds only a state (time_state), not a model; with the model that it was "
                    + "tuned for (--model) it can be made a state file");
        }
        throw tensors.fail("these are not the tensors of an RWKV model of version 4 to 7");
    }

    private static long layers(NamedTensors tensors) {
        long layers = 0;
        while (tensors.has("blocks." + layers + ".ln1.weight")) {
            layers++;
        }
        return layers;
    }

    private static long headSize(NamedTensors tensors, int version, long width) throws CheckpointFormatException {
        return switch (version) {
            case 4 -> 0;
            case 5 -> headSize(tensors, "att.time_decay", width);
            case 6 -> headSize(tensors, "att.time_faaaa", width);
            default -> headSize(tensors, "att.r_k", width);
        };
    }

    /** From a tensor with a row, or a number, for each head. */
    private static long headSize(NamedTensors tensors, String name, long width) throws CheckpointFormatException {
        CheckpointTensor tensor = tensors.get(BLOCK + name);
        if (isFlat(tensor.shape(), width)) {
            throw tensors.fail("tensor " + BLOCK + name + " has the shape " + Arrays.toString(tensor.shape())
                    + ", from which the size of a head can't be told; expected [heads, head size]");
        }
        long[] shape = tensor.withoutLeadingOnes().shape();
        if (shape.length == 0 || width % shape[0] != 0) {
            throw tensors.fail("tensor " + BLOCK + name + " has the shape " + Arrays.toString(shape)
                    + ", and a width of " + width + " can't be divided into as many heads");
        }
        return width / shape[0];
    }

    /** All channels in one row, as vectors are stored. A matrix of one row is a model's with one head. */
    private static boolean isFlat(long[] shape, long width) {
        return shape.length != 2 && shape.length > 0 && shape[shape.length - 1] == width;
    }

    private static long[] ranks(NamedTensors tensors, int version) throws CheckpointFormatException {
        return switch (version) {
            case 6 -> new long[]{rank(tensors, BLOCK + "att.time_maa_w1") / 5,
                    rank(tensors, BLOCK + "att.time_decay_w1")};
            case 7 -> {
                long a = rank(tensors, BLOCK + "att.a1");
                long v = tensors.has("blocks.1.att.v1") ? rank(tensors, "blocks.1.att.v1") : a;
                yield new long[]{rank(tensors, BLOCK + "att.w1"), a, v, rank(tensors, BLOCK + "att.g1")};
            }
            default -> new long[0];
        };
    }

    private static long rank(NamedTensors tensors, String name) throws CheckpointFormatException {
        return tensors.lowRank(name).shape()[0];
    }
}
