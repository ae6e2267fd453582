package dev.rwkv4j;

import dev.rwkv4j.bindings.NativeCalls;
import dev.rwkv4j.bindings.RwkvNativeException;
import dev.rwkv4j.bindings.rwkv_batch;
import dev.rwkv4j.bindings.rwkv_error;
import dev.rwkv4j.bindings.rwkv_h;
import dev.rwkv4j.bindings.rwkv_sequence;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;

/** The structs of a call of {@code rwkv_evaluate}: made once, filled in for each call. */
final class NativeBatch {
    private final MemorySegment batch;
    private final MemorySegment sequences;
    private final MemorySegment evaluated;
    private final MemorySegment error;
    private final CancelFlag cancel;

    NativeBatch(SegmentAllocator memory, int sequenceCount, CancelFlag cancel) {
        this.batch = rwkv_batch.allocate(memory);
        this.sequences = rwkv_sequence.allocateArray(sequenceCount, memory);
        this.evaluated = memory.allocate(ValueLayout.JAVA_LONG, sequenceCount);
        this.error = rwkv_error.allocate(memory);
        this.cancel = cancel;
        rwkv_batch.struct_size(batch, Math.toIntExact(rwkv_batch.sizeof()));
        rwkv_batch.sequence_count(batch, sequenceCount);
        rwkv_batch.sequences(batch, sequences);
        rwkv_batch.cancel(batch, cancel.address());
    }

    /** What stops the evaluation. */
    CancelFlag cancel() {
        return cancel;
    }

    /**
     * Fills in one sequence.
     *
     * @param tokens {@code tokenCount} ints
     * @param logits receives the wanted logits
     * @param wanted an {@code enum rwkv_logits}
     */
    void set(int index, NativeState state, MemorySegment tokens, long tokenCount, MemorySegment logits, int wanted) {
        MemorySegment sequence = rwkv_sequence.asSlice(sequences, index);
        rwkv_sequence.state(sequence, state.handle());
        rwkv_sequence.tokens(sequence, tokens);
        rwkv_sequence.token_count(sequence, tokenCount);
        rwkv_sequence.logits(sequence, logits);
        rwkv_sequence.logits_floats(sequence, logits.byteSize() / Float.BYTES);
        rwkv_sequence.wanted(sequence, wanted);
        evaluated.setAtIndex(ValueLayout.JAVA_LONG, index, 0);
    }

    /**
     * Evaluates it.
     *
     * @return whether it came to the end, rather than being cancelled
     */
    boolean evaluate(MemorySegment context) {
        int status = rwkv_h.rwkv_evaluate(context, batch, evaluated, error);
        if (status == rwkv_h.RWKV_ERROR_CANCELLED()) {
            return false;
        }
        try {
            NativeCalls.check(status, error);
        } catch (RwkvNativeException e) {
            throw NativeFailure.translate(e);
        }
        return true;
    }

    /** How many tokens of a sequence were evaluated since it was filled in. */
    long evaluated(int index) {
        return evaluated.getAtIndex(ValueLayout.JAVA_LONG, index);
    }
}
