package dev.rwkv4j;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Several sessions that are evaluated by one native call. */
final class SessionBatch {
    private SessionBatch() {
    }

    /** See {@link RwkvModel#feed}. */
    static void feed(RwkvModel model, List<SessionInput> inputs) {
        check(model, inputs);
        List<SessionInput> fed = inputs.stream().filter(input -> input.ids().length > 0).toList();
        List<RwkvSession> used = new ArrayList<>();
        try {
            for (SessionInput input : fed) {
                input.session().begin();
                used.add(input.session());
                input.session().ownCancelFlag().clear();
                input.session().readUnread();
            }
            if (!used.isEmpty()) {
                evaluate(model, fed);
            }
        } finally {
            used.forEach(RwkvSession::end);
        }
    }

    private static void check(RwkvModel model, List<SessionInput> inputs) {
        Set<RwkvSession> sessions = new HashSet<>();
        for (SessionInput input : inputs) {
            if (input.session().model() != model) {
                throw new IllegalArgumentException(input.session() + " belongs to another model");
            }
            if (!sessions.add(input.session())) {
                throw new IllegalArgumentException("a session occurs twice in a batch");
            }
            input.session().checkTokens(input.ids());
        }
    }

    private static void evaluate(RwkvModel model, List<SessionInput> inputs) {
        CancelFlag cancel = inputs.getFirst().session().ownCancelFlag();
        try (Arena arena = Arena.ofConfined()) {
            NativeBatch batch = new NativeBatch(arena, inputs.size(), cancel);
            for (int i = 0; i < inputs.size(); i++) {
                inputs.get(i).session().join(batch, i, inputs.get(i).ids(), arena);
            }
            boolean complete = model.engine().evaluate(batch);
            for (int i = 0; i < inputs.size(); i++) {
                inputs.get(i).session().advance(batch.evaluated(i), complete);
            }
            if (!complete) {
                inputs.forEach(input -> input.session().requireOpen());
                throw RwkvSession.cancelled();
            }
        } finally {
            inputs.forEach(input -> input.session().leaveBatch());
        }
    }
}
