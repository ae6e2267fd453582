/** The C library rwkv4j and its bindings, generated from {@code rwkv.h}. */
module dev.rwkv4j.bindings {
}
