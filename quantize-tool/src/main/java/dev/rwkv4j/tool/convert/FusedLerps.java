package dev.rwkv4j.tool.convert;

import java.nio.file.Path;
import java.util.Map;

/** One tensor in the place of several vectors, whose names differ in their last letter. */
final class FusedLerps {
    private FusedLerps() {
    }

    /**
     * Takes it apart.
     *
     * @param file named in messages
     * @param fused a vector for each letter, in the first dimension
     * @param prefix of the names of the vectors, without their letter
     * @param target receives the vectors
     */
    static void split(Path file, CheckpointTensor fused, String prefix, String letters,
            Map<String, CheckpointTensor> target) throws CheckpointFormatException {
        if (fused.shape().length < 2 || fused.shape()[0] != letters.length() || fused.type().isQuantized()) {
            throw new CheckpointFormatException(file,
                    "tensor " + fused.name() + " is not made of " + letters.length() + " float vectors");
        }
        for (int i = 0; i < letters.length(); i++) {
            String name = prefix + letters.charAt(i);
            if (target.put(name, fused.slice(i)) != null) {
                throw new CheckpointFormatException(file, "two tensors are named " + name);
            }
        }
    }
}
