package dev.rwkv4j.tool.quantize;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads that do a number of things at once. */
final class Workers implements AutoCloseable {
    private final ExecutorService threads;

    Workers(int count) {
        threads = Executors.newFixedThreadPool(count);
    }

    /**
     * Does all tasks, and returns when they are done.
     *
     * @throws InterruptedIOException if the thread is interrupted, which remains noted
     * @throws RuntimeException if a task throws one; likewise an error
     */
    void run(List<Runnable> tasks) throws IOException {
        try {
            for (Future<Object> task : threads.invokeAll(tasks.stream().map(Workers::callable).toList())) {
                task.get();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted while calibrating").initCause(e);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                default -> throw new AssertionError("a Runnable throws nothing else", e);
            }
        }
    }

    private static Callable<Object> callable(Runnable task) {
        return Executors.callable(task);
    }

    @Override
    public void close() {
        threads.shutdownNow();
        threads.close();
    }
}
