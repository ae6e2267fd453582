package dev.rwkv4j;

/** Why a generation ended. */
public enum StopReason {
    /** The model ended the text. */
    END_OF_TEXT,
    /** One of {@link Sampling#stop()} would have come next. */
    STOP_STRING,
    /** The limit of {@link Sampling#maxTokens()} was reached. */
    MAX_TOKENS,
    /** {@link RwkvSession#cancel()} was called, or the thread was interrupted. */
    CANCELLED
}
