package dev.rwkv4j;

import java.lang.foreign.MemorySegment;

/** Receives logits after every token, see {@link RwkvSession#feed(int[], LogitsConsumer)}. */
@FunctionalInterface
public interface LogitsConsumer {
    /**
     * Receives the logits after one token.
     *
     * @param index which of the tokens that are being fed it is, from 0
     * @param logits a float for each token of the vocabulary, read-only, valid during this call only
     */
    void accept(int index, MemorySegment logits);
}
