/** The C library rwkv4j and its bindings, generated from {@code rwkv.h}. */
@SuppressWarnings("module") // those below are compiled later
module dev.rwkv4j.bindings {
    exports dev.rwkv4j.bindings to dev.rwkv4j;
}
