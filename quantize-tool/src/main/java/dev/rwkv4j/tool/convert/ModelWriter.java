package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.gguf.GgufWriter.TensorData;
import dev.rwkv4j.tool.convert.EncodingQueue.Job;
import dev.rwkv4j.tool.convert.ModelSource.Additions;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/**
 * Makes a GGUF file of a model, whose tensors get any types. A model of any size needs only some megabytes of memory.
 *
 * @param additions what the new file has that isn't in the source
 * @param overwrite whether the new file may replace one that is there already
 * @param threads number of threads that encode
 */
public record ModelWriter(Additions additions, boolean overwrite, int threads) {
    /**
     * Checks the options.
     *
     * @throws IllegalArgumentException if there are no threads
     */
    public ModelWriter {
        if (threads < 1) {
            throw new IllegalArgumentException("at least one thread is needed, not " + threads);
        }
    }

    /** {@return a writer that adds nothing, replaces no file and uses all processors} */
    public static ModelWriter defaults() {
        return new ModelWriter(Additions.NONE, false, Runtime.getRuntime().availableProcessors());
    }

    /**
     * Checks that the new file may be written.
     *
     * @param target its name
     * @throws FileAlreadyExistsException if there is one under this name, and it may not be replaced
     */
    public void checkTarget(Path target) throws FileAlreadyExistsException {
        checkTarget(target, overwrite);
    }

    static void checkTarget(Path target, boolean overwrite) throws FileAlreadyExistsException {
        if (!overwrite && Files.exists(target)) {
            throw new FileAlreadyExistsException(target.toString(), null, "exists already");
        }
    }

    /**
     * Writes the new file, which appears under its name only when it is complete.
     *
     * @param source what it is made of
     * @param types the type of each tensor, whose blocks divide its rows
     * @param encoders how each tensor is encoded, if the source does not have it in its type already
     * @param fileType what the file says it is, as a whole
     * @param target its name
     * @param progress is told how far it is
     * @return what was made
     * @throws CheckpointFormatException if the source is damaged, or a value has no place in its type
     * @throws FileSystemException if the new file has the name of one that is read
     * @throws IOException if a file can't be read or written
     */
    public ConversionResult write(ModelSource source, Function<OutputTensor, GgmlType> types,
            Function<OutputTensor, RowEncoder> encoders, GgmlType fileType, Path target, ConversionProgress progress)
            throws IOException {
        InputFiles.refuse(target, source.files());
        InputFiles.refuse(target, additions.vocabulary().stream().toList());
        List<Job> jobs = source.tensors().stream()
                .map(tensor -> new Job(tensor, types.apply(tensor), encoders.apply(tensor)))
                .toList();
        GgufWriter writer = new GgufWriter();
        List<String> notes = source.describe(writer, fileType, additions);
        try (EncodingQueue queue = new EncodingQueue(jobs, threads)) {
            Meter meter = new Meter(progress, jobs.stream().mapToLong(Job::bytes).sum());
            for (Job job : jobs) {
                OutputTensor tensor = job.tensor();
                long[] dims = tensor.dims().stream().mapToLong(Long::longValue).toArray();
                writer.addTensor(tensor.name(), job.type(), dims, data(job, queue, meter));
            }
            long bytes = writer.write(target);
            return new ConversionResult(source.architecture(), jobs.size(), bytes, notes);
        }
    }

    private static TensorData data(Job job, EncodingQueue queue, Meter meter) {
        return out -> {
            for (long left = job.bytes(); left > 0;) {
                long written = queue.writeNext(out);
                left -= written;
                meter.count(written, job.tensor().name());
            }
        };
    }

    private static final class Meter {
        private final ConversionProgress progress;
        private final long bytesInAll;
        private long bytesDone;

        Meter(ConversionProgress progress, long bytesInAll) {
            this.progress = progress;
            this.bytesInAll = bytesInAll;
        }

        void count(long bytes, String tensor) {
            bytesDone += bytes;
            progress.update(bytesDone, bytesInAll, tensor);
        }
    }
}
