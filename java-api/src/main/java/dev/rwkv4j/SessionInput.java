package dev.rwkv4j;

import java.util.Objects;

/**
 * What one session gets of a batch, see {@link RwkvModel#feed}.
 *
 * @param session the session
 * @param tokens the tokens it is fed, copied
 */
public record SessionInput(RwkvSession session, int... tokens) {
    /** Copies the tokens. */
    public SessionInput {
        Objects.requireNonNull(session, "session");
        tokens = tokens.clone();
    }

    /**
     * The tokens.
     *
     * @return a copy
     */
    @Override
    public int[] tokens() {
        return tokens.clone();
    }

    /** The tokens themselves. */
    int[] ids() {
        return tokens;
    }
}
