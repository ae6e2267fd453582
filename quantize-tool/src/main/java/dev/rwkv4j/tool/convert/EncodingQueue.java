package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufWriter.TensorOutput;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * Encodes a row of tensors with many threads, slice by slice, a few slices ahead of the one that is being written; and
 * gives the slices out in order, so that the file does not depend on the threads. All memory is allocated at the start.
 *
 * <p>For one thread, which writes.
 */
final class EncodingQueue implements AutoCloseable {
    /** A tensor, the type it is to have, and how it is encoded. */
    record Job(OutputTensor tensor, GgmlType type, RowEncoder encoder) {
        long bytes() {
            return type.bytes(tensor.elements());
        }
    }

    /** Fits into a processor's own cache, and costs far more than handing it to a thread. */
    private static final int SLICE_ELEMENTS = 1 << 18;

    /** Where a slice may begin and end: a multiple of all block sizes. */
    private static final int SLICE_UNIT = 256;

    /** Of all buffers, for any number of threads: a JVM lets its heap's size be allocated outside of it. */
    private static final int BUFFER_BYTES = 32 << 20;

    /** Slices that are encoded or wait while every thread has one. */
    private static final int SLICES_AHEAD = 2;

    private record Slice(CheckpointTensor source, Job job, long first, int count) {
        Encoded encode(SliceBuffers buffers) throws CheckpointFormatException {
            MemorySegment bytes = source.encode(job.type(), job.encoder(), job.tensor().rowElements(), first, count,
                    buffers);
            return new Encoded(this, bytes, buffers);
        }
    }

    private record Encoded(Slice slice, MemorySegment bytes, SliceBuffers buffers) {
    }

    private final Arena arena = Arena.ofShared();
    private final ExecutorService workers;
    private final Iterator<Slice> slices;
    private final Queue<SliceBuffers> free = new ArrayDeque<>();
    private final Queue<Future<Encoded>> pending = new ArrayDeque<>();

    EncodingQueue(List<Job> jobs, int threads) {
        int sets = Math.min(threads + SLICES_AHEAD, Math.max(1 + SLICES_AHEAD, BUFFER_BYTES / rowBytes(jobs)));
        int sliceElements = sliceElements(jobs, BUFFER_BYTES / sets);
        this.slices = jobs.stream().flatMap(job -> slices(job, sliceElements)).iterator();
        IntStream.range(0, sets).forEach(_ -> free.add(new SliceBuffers(arena, sliceElements)));
        this.workers = Executors.newFixedThreadPool(threads);
    }

    /** What buffers for the longest row take, or for as much of it as goes into a slice. */
    private static int rowBytes(List<Job> jobs) {
        long longest = jobs.stream().mapToLong(job -> job.tensor().rowElements()).max().orElse(1);
        return (int) Math.min(SLICE_ELEMENTS, longest + SLICE_UNIT) * SliceBuffers.BYTES_OF_AN_ELEMENT;
    }

    /** As many as the longest slice shall have, a whole number of units. */
    private static int sliceElements(List<Job> jobs, int bufferBytes) {
        long largest = jobs.stream().mapToLong(job -> job.tensor().elements()).max().orElse(0);
        long fitting = Math.min(SLICE_ELEMENTS, bufferBytes / SliceBuffers.BYTES_OF_AN_ELEMENT);
        long units = Math.min(fitting / SLICE_UNIT, Math.ceilDiv(largest, SLICE_UNIT));
        return (int) Math.max(1, units) * SLICE_UNIT;
    }

    /** Whole rows, as many as fit; of rows that are too long themselves, pieces. */
    private static Stream<Slice> slices(Job job, int sliceElements) {
        long row = job.tensor().rowElements();
        long step = row <= sliceElements ? sliceElements / row * row : sliceElements;
        return job.tensor().parts().stream().flatMap(part -> {
            long elements = part.elements();
            return LongStream.iterate(0, first -> first < elements, first -> first + step)
                    .mapToObj(first -> new Slice(part, job, first, (int) Math.min(step, elements - first)));
        });
    }

    /**
     * Writes the next slice.
     *
     * @return its length in bytes
     * @throws CheckpointFormatException if it can't be encoded
     * @throws InterruptedIOException if the thread is interrupted, which remains noted
     * @throws IOException if it can't be written
     */
    long writeNext(TensorOutput out) throws IOException {
        fill();
        Encoded encoded = await(pending.remove());
        out.write(encoded.bytes);
        encoded.slice.source.release(encoded.slice.first, encoded.slice.count);
        free.add(encoded.buffers);
        return encoded.bytes.byteSize();
    }

    private void fill() {
        while (!free.isEmpty() && slices.hasNext()) {
            Slice slice = slices.next();
            SliceBuffers buffers = free.remove();
            pending.add(workers.submit(() -> slice.encode(buffers)));
        }
    }

    private static Encoded await(Future<Encoded> slice) throws IOException {
        try {
            return slice.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while encoding");
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case IOException cause -> throw cause;
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                default -> throw new AssertionError("encoding throws nothing else", e);
            }
        }
    }

    /** Stops the threads, waits for them, and frees the memory that they used. */
    @Override
    public void close() {
        workers.shutdownNow();
        workers.close();
        arena.close();
    }
}
