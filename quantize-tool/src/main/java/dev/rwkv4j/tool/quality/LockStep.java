package dev.rwkv4j.tool.quality;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.rwkv4j.LogSoftmax;
import dev.rwkv4j.ModelInfo;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.quality.Predictions.Step;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Lets two models with the same vocabulary read the same text, some tokens each in turn, and compares what they expect. The
 * logits of the base for these few tokens are all that is kept.
 */
public final class LockStep implements AutoCloseable {
    private static final long MOST_LOGITS_BYTES = 16 << 20;
    private static final int MOST_TOKENS = 128;

    private final Tokenizer tokenizer;
    private final RwkvSession base;
    private final RwkvSession other;
    private final LogSoftmax baseNext;
    private final LogSoftmax otherNext;
    private final long rowBytes;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment baseLogits;

    /**
     * Begins an empty text with both models.
     *
     * @param base the model that is taken for the truth
     * @param other the model that is judged
     * @param tokenizer that of both
     */
    public LockStep(RwkvModel base, RwkvModel other, Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
        ModelInfo info = base.info();
        baseNext = new LogSoftmax(info.vocabularySize());
        otherNext = new LogSoftmax(info.vocabularySize());
        rowBytes = (long) info.vocabularySize() * Float.BYTES;
        baseLogits = arena.allocate(mostTokens(info.vocabularySize()) * rowBytes, JAVA_FLOAT.byteAlignment());
        this.base = base.newSession();
        this.other = other.newSession();
    }

    /** {@return how many tokens the models are fed at once} */
    public static int mostTokens(int vocabularySize) {
        long rows = MOST_LOGITS_BYTES / ((long) vocabularySize * Float.BYTES);
        return Math.clamp(rows, 1, MOST_TOKENS);
    }

    /**
     * Compares over a whole text.
     *
     * @param text in steps of {@link #mostTokens} tokens
     * @param progress receives from time to time what has been found so far
     * @return what was found
     * @throws IOException if the text cannot be read
     */
    public Divergence run(Predictions text, Consumer<Divergence> progress) throws IOException {
        Divergence divergence = new Divergence();
        for (Optional<Step> step = text.next(); step.isPresent(); step = text.next()) {
            run(step.get(), divergence);
            progress.accept(divergence);
        }
        return divergence;
    }

    private void run(Step step, Divergence divergence) {
        if (step.begins()) {
            base.reset();
            other.reset();
        }
        base.feed(step.tokens(), (i, logits) -> row(i).copyFrom(logits));
        other.feed(step.tokens(), (i, logits) -> {
            baseNext.compute(row(i));
            otherNext.compute(logits);
            int target = step.targets()[i];
            divergence.add(baseNext, otherNext, target, tokenizer.bytes(target).length);
        });
    }

    private MemorySegment row(int index) {
        return baseLogits.asSlice(index * rowBytes, rowBytes);
    }

    @Override
    public void close() {
        base.close();
        other.close();
        arena.close();
    }
}
