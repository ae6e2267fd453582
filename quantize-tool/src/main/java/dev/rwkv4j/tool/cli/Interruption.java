package dev.rwkv4j.tool.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Lets a command end well on Ctrl-C. The thread that made this is interrupted, and has some seconds to come to an end and
 * close this before the process ends, with exit code 130. Without it the process ends at once.
 */
public final class Interruption implements AutoCloseable {
    private static final int SECONDS = 5;

    private final CountDownLatch ended = new CountDownLatch(1);
    private final Thread hook;

    /** For the current thread. */
    public Interruption() {
        Thread worker = Thread.currentThread();
        hook = new Thread(() -> interrupt(worker), "interruption");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    private void interrupt(Thread worker) {
        worker.interrupt();
        try {
            ended.await(SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The command has come to its end. */
    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            ended.countDown(); // the process is ending
        }
    }
}
