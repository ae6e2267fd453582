package dev.rwkv4j.tool.bench;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.Sampler;
import dev.rwkv4j.Sampling;

/** A text that a model writes by itself, the same in every run, and that never ends: when it does, another one begins. */
final class FreeText implements AutoCloseable {
    private static final long SEED = 1;
    private static final int BEGINNING = 0;

    private final RwkvSession session;
    private final Sampler sampler;
    private int token = BEGINNING;

    FreeText(RwkvModel model) {
        session = model.newSession();
        sampler = new Sampler(Sampling.defaults().withSeed(SEED));
    }

    /** Reads one token and chooses the next. */
    void step() {
        session.feed(token);
        token = sampler.sample(session.logitsSegment());
    }

    @Override
    public void close() {
        session.close();
    }
}
