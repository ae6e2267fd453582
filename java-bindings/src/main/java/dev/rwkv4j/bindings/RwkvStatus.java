package dev.rwkv4j.bindings;

/** Why a call failed: {@code enum rwkv_status} without {@code RWKV_OK}. */
public enum RwkvStatus {
    /** A null pointer, a token outside the vocabulary, a buffer too small. */
    ARGUMENT(rwkv_h.RWKV_ERROR_ARGUMENT()),
    /** Memory could not be allocated. */
    MEMORY(rwkv_h.RWKV_ERROR_MEMORY()),
    /** A tensor is missing, unexpected, or has the wrong shape, type or length. */
    MODEL(rwkv_h.RWKV_ERROR_MODEL()),
    /** Valid, but not something that the library can do. */
    UNSUPPORTED(rwkv_h.RWKV_ERROR_UNSUPPORTED()),
    /** The operating system did not give a thread. */
    THREAD(rwkv_h.RWKV_ERROR_THREAD()),
    /** The evaluation was cancelled. */
    CANCELLED(rwkv_h.RWKV_ERROR_CANCELLED());

    private final int code;

    RwkvStatus(int code) {
        this.code = code;
    }

    /**
     * The number in {@code enum rwkv_status}.
     *
     * @return the number, never 0
     */
    public int code() {
        return code;
    }

    static RwkvStatus of(int code) {
        for (RwkvStatus status : values()) {
            if (status.code == code) {
                return status;
            }
        }
        throw new IllegalArgumentException("the library returned " + code + ", which is no enum rwkv_status");
    }
}
