package dev.rwkv4j;

/**
 * What a model is and what memory it takes.
 *
 * @param name its name, as the file says it, else the name of the file
 * @param architecture {@code rwkv4}, {@code rwkv5}, {@code rwkv6} or {@code rwkv7}
 * @param version of the equations: 4, 5, 6 or 7
 * @param layers layers
 * @param width of the residual stream
 * @param channelMixWidth hidden width of the channel mix
 * @param vocabularySize number of tokens, and of logits
 * @param heads heads of a layer; 0 for version 4
 * @param headSize channels of a head; 0 for version 4
 * @param parameters weights that are used
 * @param tensorBytes bytes of the file that are read where they are mapped; the operating system may drop them from memory
 *     and read them again
 * @param allocatedBytes memory that the native model allocated besides
 * @param scratchBytes memory that evaluations work in; allocated once for the model, however many sessions it has
 * @param stateFloats length of a state, which is all that a session needs to remember of a text
 * @param threads threads that compute
 * @param chunkTokens how many tokens of a text are computed together at most
 * @param fingerprint 64 hexadecimal digits that tell models apart: only equal models understand each other's states. The
 *     SHA-256 of architecture, names, types and dimensions of all tensors, and the first bytes of each
 */
public record ModelInfo(
        String name,
        String architecture,
        int version,
        int layers,
        int width,
        int channelMixWidth,
        int vocabularySize,
        int heads,
        int headSize,
        long parameters,
        long tensorBytes,
        long allocatedBytes,
        long scratchBytes,
        long stateFloats,
        int threads,
        int chunkTokens,
        String fingerprint) {

    /**
     * The memory of one state.
     *
     * @return its length in bytes
     */
    public long stateBytes() {
        return stateFloats * Float.BYTES;
    }

    ModelInfo with(long newScratchBytes, String newFingerprint) {
        return new ModelInfo(name, architecture, version, layers, width, channelMixWidth, vocabularySize, heads,
                headSize,
                parameters, tensorBytes, allocatedBytes, newScratchBytes, stateFloats, threads, chunkTokens,
                newFingerprint);
    }
}
