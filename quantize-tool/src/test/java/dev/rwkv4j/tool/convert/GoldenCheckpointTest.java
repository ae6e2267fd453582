package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The same model in two containers, both written by their own libraries. */
class GoldenCheckpointTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"rwkv4", "rwkv5.0", "rwkv5.1", "rwkv5.2", "rwkv6", "rwkv7", "rwkv7-192", "rwkv7-bf16"})
    void safetensorsAndPyTorchMakeTheSameFile(String model) throws IOException {
        assertThat(converted(model, ".safetensors")).hasSameBinaryContentAs(converted(model, ".pth"));
    }

    private Path converted(String model, String ending) throws IOException {
        Path target = folder.resolve("of" + ending);
        Conversion.defaults().run(Golden.file("golden/" + model + ending), target, ConversionProgress.NONE);
        return target;
    }
}
