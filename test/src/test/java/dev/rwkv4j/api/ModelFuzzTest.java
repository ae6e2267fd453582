package dev.rwkv4j.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.tool.random.MatrixTypes;
import dev.rwkv4j.tool.random.ModelShape;
import dev.rwkv4j.tool.random.ModelShape.LowRanks;
import dev.rwkv4j.tool.random.ModelShape.Version;
import dev.rwkv4j.tool.random.RandomModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes as a model: it is evaluated, whatever comes out, or refused with a message. Above all it ends no JVM. */
class ModelFuzzTest {
    private static final ModelOptions OPTIONS = ModelOptions.defaults().withThreads(1).withChunkTokens(2);

    @TempDir
    private static Path folder;

    static Stream<byte[]> seeds() throws IOException {
        Stream.Builder<byte[]> seeds = Stream.builder();
        for (Version version : Version.values()) {
            seeds.add(model(version, 8, 4, GgmlType.F16));
        }
        return seeds.add(model(Version.V7, 32, 16, GgmlType.Q4_0)).build();
    }

    private static byte[] model(Version version, int width, int headSize, GgmlType type) throws IOException {
        ModelShape shape = new ModelShape(version, 2, width, headSize, width, 5, new LowRanks(1, 2, 2, 2, 2));
        Path file = folder.resolve("seed.gguf");
        new RandomModel(shape, MatrixTypes.uniform(type), 1).write(file, _ -> {
        });
        return Files.readAllBytes(file);
    }

    @MethodSource("seeds")
    @FuzzTest(maxDuration = "3m")
    void model(byte[] content) throws IOException {
        Path file = Files.write(folder.resolve("fuzz.gguf"), content);
        try (RwkvModel model = RwkvModel.load(file, OPTIONS); RwkvSession session = model.newSession()) {
            session.feed(0, 0, 0);
            session.feed(0);
            assertThat(session.logits()).hasSize(model.info().vocabularySize());
        } catch (GgufFormatException e) {
            assertThat(e).hasMessageStartingWith(file + ": ");
        }
    }
}
