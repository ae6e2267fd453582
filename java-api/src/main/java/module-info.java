/** RWKV language models for Java. */
module dev.rwkv4j {
    requires dev.rwkv4j.bindings;

    exports dev.rwkv4j.gguf;
}
