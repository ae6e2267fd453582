package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes as a checkpoint: it is converted, or refused with a message that names the file. */
class CheckpointFuzzTest {
    private static final Path FILE = Path.of("fuzz.file");

    private static final String SHARD = "shard.safetensors";

    @TempDir
    private static Path folder;

    static Stream<byte[]> zips() {
        Map<String, Values> part = part("4");
        return Stream.of(PthBytes.of(part), PthBytes.of(TinyModel.of("7")),
                PthBytes.zip(part).add("some/data.pkl", PthBytes.pickle(part).stop()).large().build());
    }

    static Stream<byte[]> pickles() {
        return Stream.of(LegacyPthBytes.of(part("4")), LegacyPthBytes.of(TinyModel.of("6")));
    }

    static Stream<byte[]> safetensors() {
        return Stream.of(SafetensorsBytes.of(part("5.0")), SafetensorsBytes.of(TinyModel.of("5.2")));
    }

    static Stream<byte[]> rwkvCpps() {
        return Stream.of(RwkvCppBytes.of("4", part("4")), RwkvCppBytes.of("7", TinyModel.of("7")));
    }

    static Stream<byte[]> indices() throws IOException {
        Map<String, Values> model = part("4");
        Files.write(folder.resolve(SHARD), SafetensorsBytes.of(model));
        String map = model.keySet().stream().map(name -> '"' + name + "\":\"" + SHARD + '"')
                .collect(Collectors.joining(","));
        return Stream.of("{\"metadata\":{\"total_size\":1},\"weight_map\":{" + map + "}}",
                "{\"weight_map\":{\"emb.weight\":\"../" + SHARD + "\"}}")
                .map(text -> text.getBytes(StandardCharsets.UTF_8));
    }

    /** A few tensors, for seeds that are quickly changed all over. */
    private static Map<String, Values> part(String version) {
        Map<String, Values> part = new LinkedHashMap<>();
        TinyModel.of(version).entrySet().stream().limit(3)
                .forEach(entry -> part.put(entry.getKey(), entry.getValue()));
        return part;
    }

    @MethodSource("zips")
    @FuzzTest(maxDuration = "3m")
    void zip(byte[] content) throws IOException {
        check(FILE, content);
    }

    @MethodSource("pickles")
    @FuzzTest(maxDuration = "3m")
    void legacyPickle(byte[] content) throws IOException {
        check(FILE, content);
    }

    @MethodSource("safetensors")
    @FuzzTest(maxDuration = "3m")
    void safetensors(byte[] content) throws IOException {
        check(FILE, content);
    }

    @MethodSource("rwkvCpps")
    @FuzzTest(maxDuration = "3m")
    void rwkvCpp(byte[] content) throws IOException {
        check(FILE, content);
    }

    @MethodSource("indices")
    @FuzzTest(maxDuration = "3m")
    void index(byte[] content) throws IOException {
        try {
            check(folder.resolve("fuzz.index.json"), content);
        } catch (FileSystemException e) {
            assertThat(Path.of(e.getFile()).getParent()).as("files of others are not opened").isEqualTo(folder);
        }
    }

    private static void check(Path file, byte[] content) throws IOException {
        try {
            Conversions.dryRun(file, content);
        } catch (CheckpointFormatException e) {
            assertThat(e).hasMessageStartingWith(file.equals(FILE) ? FILE + ": " : folder.toString());
        }
    }
}
