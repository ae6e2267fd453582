package dev.rwkv4j.sidebyside;

/** Another engine, with a model opened. What it reads is left to it: the time does not depend on it. */
interface Peer {
    /** Evaluates a prompt of {@link #promptTokens()} tokens at once. */
    void readPrompt();

    /** How long the prompt is, about as long as was asked for. */
    int promptTokens();

    /** Evaluates so many tokens one after the other. */
    void decode(int tokens);
}
