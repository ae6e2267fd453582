package dev.rwkv4j;

import java.util.Objects;

/**
 * How a generation went.
 *
 * @param tokens how many tokens were generated, those of a stop string included, the one that ends a text not
 * @param reason why it ended
 */
public record Generation(int tokens, StopReason reason) {
    /** Checks that there is a reason. */
    public Generation {
        Objects.requireNonNull(reason, "reason");
    }
}
