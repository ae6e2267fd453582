package dev.rwkv4j.tool.random;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.TensorCodec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * The values of one tensor, in pieces of whole rows that can be made in any order and by any thread: each has a random
 * generator of its own, so that a seed means the same file on every machine.
 */
record RandomTensor(TensorPlan plan, GgmlType type, long seed) {
    /** Large enough that a piece costs more than handing it to a thread, small enough that many fit into little memory. */
    private static final int PIECE_ELEMENTS = 1 << 16;

    private int rowsPerPiece() {
        return Math.max(1, PIECE_ELEMENTS / plan.rowLength());
    }

    private long rows() {
        return plan.elements() / plan.rowLength();
    }

    int pieceCount() {
        return Math.toIntExact((rows() + rowsPerPiece() - 1) / rowsPerPiece());
    }

    /** The bytes of one piece. */
    byte[] piece(int index) {
        long rows = Math.min(rowsPerPiece(), rows() - (long) index * rowsPerPiece());
        int elements = Math.toIntExact(rows * plan.rowLength());
        float[] values = draw(index, elements);
        byte[] encoded = new byte[Math.toIntExact(type.bytes(elements))];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment target = arena.allocate(encoded.length);
            TensorCodec.encode(type, arena.allocateFrom(JAVA_FLOAT, values), target);
            MemorySegment.copy(target, 0, MemorySegment.ofArray(encoded), 0, encoded.length);
        }
        return encoded;
    }

    private float[] draw(int index, int elements) {
        long name = Integer.toUnsignedLong(plan.name().hashCode()) << Integer.SIZE;
        // Seeds that lie close together give related numbers; those that one generator draws for another do not.
        SplittableRandom random = new SplittableRandom(new SplittableRandom(seed ^ name ^ index).nextLong());
        int rowLength = plan.rowLength();
        float[] values = new float[elements];
        for (int i = 0; i < elements; i++) {
            float position = rowLength == 1 ? 0 : (float) (i % rowLength) / (rowLength - 1);
            values[i] = plan.distribution().draw(random, position);
        }
        return values;
    }
}
