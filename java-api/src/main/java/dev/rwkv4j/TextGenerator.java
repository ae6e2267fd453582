package dev.rwkv4j;

import dev.rwkv4j.tokenizer.Tokenizer;
import java.util.Spliterator;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;

/**
 * One generation: chooses tokens, feeds them, and makes text of them. A token is evaluated when another one is asked for, so
 * that its text need not wait for that.
 *
 * <p>When a stop string is complete, its beginning has been fed already. Therefore, while the assembler holds text back,
 * there is a checkpoint: the session as it was when everything it had read had been given out. On a stop the session goes
 * back there, and is fed what was given out since.
 *
 * <p>For one thread at a time, except {@link #close}.
 */
final class TextGenerator implements AutoCloseable {
    private final RwkvSession session;
    private final Tokenizer tokenizer;
    private final Sampling sampling;
    private final Sampler sampler;
    private final TextAssembler assembler;
    private final StringBuilder sinceCheckpoint = new StringBuilder();
    private RwkvSession checkpoint;
    private boolean checkpointed;
    private int tokens;
    private StopReason reason;
    private long expectedChanges;
    private volatile boolean closed;

    /** For the thread that has taken the session. */
    TextGenerator(RwkvSession session, Tokenizer tokenizer, Sampling sampling) {
        this.session = session;
        this.tokenizer = tokenizer;
        this.sampling = sampling;
        this.sampler = new Sampler(sampling, tokenizer);
        this.assembler = new TextAssembler(sampling.stop());
        this.expectedChanges = session.changes();
    }

    /** Generates to the end. For the thread that has taken the session. */
    Generation run(Consumer<String> text) {
        for (String piece = next(); piece != null; piece = next()) {
            text.accept(piece);
        }
        return new Generation(tokens, reason);
    }

    /** The text, of which each piece is generated when it is asked for. Takes the session for each piece. */
    Spliterator<String> spliterator() {
        return new Spliterator<>() {
            @Override
            public boolean tryAdvance(Consumer<? super String> action) {
                String piece = reason != null || closed ? null : session.exclusively(TextGenerator.this::next);
                if (piece == null) {
                    close();
                    return false;
                }
                action.accept(piece);
                return true;
            }

            @Override
            public Spliterator<String> trySplit() {
                return null;
            }

            @Override
            public long estimateSize() {
                return Long.MAX_VALUE;
            }

            @Override
            public int characteristics() {
                return ORDERED | NONNULL;
            }
        };
    }

    /** The next text, never empty, or null after the end. */
    private synchronized String next() {
        if (session.changes() != expectedChanges) {
            throw new IllegalStateException("the session has been used for something else since this generation began");
        }
        String piece = "";
        while (piece.isEmpty() && reason == null && !closed) {
            piece = step();
        }
        expectedChanges = session.changes();
        return piece.isEmpty() ? null : piece;
    }

    private String step() {
        if (session.isCancelled()) {
            session.requireOpen(); // closing cancels too
            return end(StopReason.CANCELLED);
        }
        if (tokens == sampling.maxTokens()) {
            return end(StopReason.MAX_TOKENS);
        }
        try {
            session.readUnread();
        } catch (CancellationException e) {
            return end(StopReason.CANCELLED);
        }
        int token = sampler.sample(session.requireLogits());
        if (token == tokenizer.endOfText()) {
            return end(StopReason.END_OF_TEXT);
        }
        tokens++;
        String text = assembler.append(tokenizer.bytes(token));
        if (assembler.stop().isPresent()) {
            return stop(text);
        }
        feed(token, text);
        return text;
    }

    private String end(StopReason why) {
        reason = why;
        return assembler.finish();
    }

    private void feed(int token, String text) {
        boolean holding = assembler.isHolding() && !sampling.stop().isEmpty();
        if (holding && !checkpointed) {
            saveCheckpoint();
        }
        session.readLater(token);
        checkpointed = holding;
        if (checkpointed) {
            sinceCheckpoint.append(text);
        }
    }

    private void saveCheckpoint() {
        if (checkpoint == null) {
            checkpoint = session.model().newSession();
        }
        checkpoint.copyFrom(session);
        sinceCheckpoint.setLength(0);
    }

    /** Makes the session one that has read what was given out and {@code text}, but nothing of the stop string. */
    private String stop(String text) {
        reason = StopReason.STOP_STRING;
        String missing = text;
        if (checkpointed) {
            session.copyFrom(checkpoint);
            missing = sinceCheckpoint + text;
        }
        if (!missing.isEmpty()) {
            session.readLater(tokenizer.encode(missing));
        }
        return text;
    }

    /** Stops it after the token that is being evaluated. For any thread. */
    @Override
    public void close() {
        closed = true;
        synchronized (this) {
            if (checkpoint != null) {
                checkpoint.close();
            }
        }
    }
}
