package dev.rwkv4j.tool.convert;

/**
 * What a model needs to know beside its tensors. A float has the precision of the file that is written.
 *
 * @param layerNormEpsilon of all layer norms
 * @param groupNormEpsilon of the norm in the time mix, which version 4 does not have
 * @param rescaleEvery after how many layers the weights are halved once more; 0 if they are what they are
 * @param contextLength as others like to be told; the models have no such limit
 */
record ModelConstants(float layerNormEpsilon, float groupNormEpsilon, long rescaleEvery, long contextLength) {
    /** Those of the official code, and the context length that llama.cpp's converter writes. */
    static final ModelConstants OFFICIAL = new ModelConstants(1e-5f, 64e-5f, 0, 1048576);

    boolean hasOfficialGroupNorm() {
        return groupNormEpsilon == OFFICIAL.groupNormEpsilon;
    }

    ModelConstants withEpsilons(double layerNorm, double groupNorm) {
        return new ModelConstants((float) layerNorm, (float) groupNorm, rescaleEvery, contextLength);
    }
}
