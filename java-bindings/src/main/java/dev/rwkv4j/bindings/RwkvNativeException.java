package dev.rwkv4j.bindings;

/** A call of the library failed: the status, and as the message what the library says about it. */
public final class RwkvNativeException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final RwkvStatus status;

    RwkvNativeException(RwkvStatus status, String message) {
        super(message);
        this.status = status;
    }

    /**
     * Why the call failed.
     *
     * @return never null
     */
    public RwkvStatus status() {
        return status;
    }
}
