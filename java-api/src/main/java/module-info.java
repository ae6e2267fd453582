/** RWKV language models for Java. */
module dev.rwkv4j {
    requires com.google.gson;
    requires dev.rwkv4j.bindings;

    exports dev.rwkv4j;
    exports dev.rwkv4j.gguf;
    exports dev.rwkv4j.tokenizer;
}
