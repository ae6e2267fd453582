package dev.rwkv4j;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.rwkv4j.bindings.rwkv_h;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.tool.Main;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What it costs that a decoded token comes from Java, with the demo model, the smallest there is: {@code feed} is what a
 * program calls, {@code evaluate} the native library by its bindings alone, {@code call} a native function that does
 * nothing. So Java's share is (feed - evaluate + call) / feed.
 */
@Fork(value = 3, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class CallBenchmark extends AverageTime {
    private static final int TOKEN = 1;

    @Param({"1", "2"})
    public int threads;

    private final Arena arena = Arena.ofShared();
    private Path file;
    private RwkvModel model;
    private RwkvSession session;
    private NativeModel engine;
    private MemorySegment context;
    private NativeBatch batch;

    @Setup
    public void open() throws IOException {
        file = Files.createTempFile("demo", ".gguf");
        try (InputStream demo = Main.class.getResourceAsStream("demo/rwkv4j-demo.gguf")) {
            Files.copy(demo, file, StandardCopyOption.REPLACE_EXISTING);
        }
        ModelOptions options = ModelOptions.defaults().withThreads(threads);
        model = RwkvModel.load(file, options);
        session = model.newSession();

        GgufFile gguf = GgufFile.open(file);
        ModelLoader.Loaded loaded = new ModelLoader(gguf).load(options);
        context = loaded.context();
        engine = new NativeModel(gguf, loaded.model(), context);
        NativeState state = engine.newState(() -> {
        });
        MemorySegment tokens = arena.allocateFrom(JAVA_INT, TOKEN);
        MemorySegment logits = arena.allocate(JAVA_FLOAT, loaded.info().vocabularySize());
        batch = new NativeBatch(arena, 1, state.cancel());
        batch.set(0, state, tokens, 1, logits, rwkv_h.RWKV_LOGITS_LAST());
    }

    @TearDown
    public void close() throws IOException {
        model.close();
        engine.close();
        arena.close();
        Files.delete(file);
    }

    @Benchmark
    public long feed() {
        session.feed(TOKEN);
        return session.position();
    }

    @Benchmark
    public boolean evaluate() {
        return batch.evaluate(context);
    }

    @Benchmark
    public int call() {
        return rwkv_h.rwkv_api_version();
    }
}
