package dev.rwkv4j.llamacpp;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.rwkv4j.llamacpp.LlamaCpp.Function;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Path;

/** A model and one text that it reads, in llama.cpp. One thread at a time. */
public final class LlamaCppModel implements AutoCloseable {
    /** Most tokens in a call: the context that a text gets by default, which bounds a call but not a recurrent text. */
    private static final int BATCH_TOKENS = 512;

    /** More than {@code struct ggml_threadpool_params} has, 536. */
    private static final long THREAD_POOL_PARAMS_BYTES = 4096;

    private final LlamaCpp library;
    private final MemorySegment model;
    private final MemorySegment context;
    private final MemorySegment threadPool;
    private final int vocabularySize;
    private final Function batch;
    private final Function decode;

    LlamaCppModel(LlamaCpp library, Path file, int threads) throws IOException {
        this.library = library;
        batch = library.function("llama_batch_get_one", LlamaCpp.ANY_STRUCT, ADDRESS, JAVA_INT);
        decode = library.function("llama_decode", JAVA_INT, ADDRESS, LlamaCpp.ANY_STRUCT);
        try (Arena arena = Arena.ofConfined()) {
            model = library.function("llama_model_load_from_file", ADDRESS, ADDRESS, LlamaCpp.ANY_STRUCT)
                    .pointer(arena.allocateFrom(file.toString()), defaults("llama_model_default_params", arena));
            if (model.equals(MemorySegment.NULL)) {
                throw library.failure(file, "read");
            }
            context = library.function("llama_init_from_model", ADDRESS, ADDRESS, LlamaCpp.ANY_STRUCT)
                    .pointer(model, defaults("llama_context_default_params", arena));
            if (context.equals(MemorySegment.NULL)) {
                library.function("llama_model_free", null, ADDRESS).call(model);
                throw library.failure(file, "run");
            }
        }
        threadPool = newThreadPool(threads);
        library.function("llama_set_n_threads", null, ADDRESS, JAVA_INT, JAVA_INT).call(context, threads, threads);
        library.function("llama_attach_threadpool", null, ADDRESS, ADDRESS, ADDRESS)
                .call(context, threadPool, threadPool);
        MemorySegment vocabulary = library.function("llama_model_get_vocab", ADDRESS, ADDRESS).pointer(model);
        vocabularySize = library.function("llama_vocab_n_tokens", JAVA_INT, ADDRESS).integer(vocabulary);
    }

    /** Without one that lasts, each call would start threads of its own. */
    private MemorySegment newThreadPool(int threads) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(THREAD_POOL_PARAMS_BYTES, Long.BYTES);
            library.function("ggml_threadpool_params_init", null, ADDRESS, JAVA_INT).call(params, threads);
            return library.processorFunction("ggml_threadpool_new", ADDRESS, ADDRESS).pointer(params);
        }
    }

    private MemorySegment defaults(String function, Arena arena) {
        return library.function(function, LlamaCpp.ANY_STRUCT).pointer((SegmentAllocator) arena);
    }

    /** Feeds tokens, as many at once as a call takes. */
    public void feed(int... tokens) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment all = arena.allocateFrom(JAVA_INT, tokens);
            for (int begin = 0; begin < tokens.length; begin += BATCH_TOKENS) {
                int count = Math.min(BATCH_TOKENS, tokens.length - begin);
                MemorySegment some = all.asSlice(begin * JAVA_INT.byteSize(), count * JAVA_INT.byteSize());
                int status = decode.integer(context, batch.pointer((SegmentAllocator) arena, some, count));
                if (status != 0) {
                    throw new IllegalStateException("llama_decode returned " + status);
                }
            }
        }
    }

    /** Tokens that there are. */
    public int vocabularySize() {
        return vocabularySize;
    }

    /** The logits after the last token. */
    @SuppressWarnings("restricted")
    public float[] logits() {
        return library.function("llama_get_logits_ith", ADDRESS, ADDRESS, JAVA_INT)
                .pointer(context, -1)
                .reinterpret(vocabularySize * JAVA_FLOAT.byteSize())
                .toArray(JAVA_FLOAT);
    }

    /** Begins a new text. */
    public void reset() {
        MemorySegment memory = library.function("llama_get_memory", ADDRESS, ADDRESS).pointer(context);
        library.function("llama_memory_clear", null, ADDRESS, JAVA_BOOLEAN).call(memory, true);
    }

    @Override
    public void close() {
        library.function("llama_free", null, ADDRESS).call(context);
        library.function("llama_model_free", null, ADDRESS).call(model);
        library.processorFunction("ggml_threadpool_free", null, ADDRESS).call(threadPool);
    }
}
