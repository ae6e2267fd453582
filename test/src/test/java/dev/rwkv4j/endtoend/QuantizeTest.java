package dev.rwkv4j.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.testdata.CommandLine;
import dev.rwkv4j.testdata.CommandLine.Result;
import dev.rwkv4j.testdata.GoldenModel;
import dev.rwkv4j.testdata.SmallModels;
import dev.rwkv4j.testdata.TestData;
import dev.rwkv4j.tool.convert.Conversion;
import dev.rwkv4j.tool.convert.ConversionProgress;
import dev.rwkv4j.tool.quantize.Mix;
import dev.rwkv4j.tool.quantize.Quantization;
import dev.rwkv4j.tool.quantize.Rounding;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Quantised files against those of llama.cpp, one pass against two, and the command as a process. */
class QuantizeTest {
    @TempDir
    private Path folder;

    /** The types that llama.cpp rounds to without looking for a better scale. */
    @ParameterizedTest
    @EnumSource(value = GgmlType.class, names = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"})
    void tensorsAreThoseOfLlamaCpp(GgmlType type) throws IOException {
        Path target = folder.resolve("quantized.gguf");
        to(type).withRounding(Rounding.PLAIN)
                .run(TestData.shared("gguf/rwkv7-256-f16.gguf"), target, ConversionProgress.NONE);
        int quantized = 0;
        try (GgufFile expected = GgufFile.open(TestData.shared("gguf/rwkv7-256-" + type + ".gguf"));
                GgufFile actual = GgufFile.open(target)) {
            for (String key : expected.metadata().keys()) {
                assertThat(actual.metadata().get(key)).as(key).isEqualTo(expected.metadata().get(key));
            }
            assertThat(actual.tensors().keySet()).containsExactlyInAnyOrderElementsOf(expected.tensors().keySet());
            for (GgufTensor tensor : expected.tensors().values()) {
                if (tensor.type() == actual.tensor(tensor.name()).type()) {
                    assertThat(actual.tensor(tensor.name()).data().mismatch(tensor.data())).as(tensor.name())
                            .isEqualTo(-1);
                    quantized += tensor.type() == type ? 1 : 0;
                } else {
                    assertThat(tensor.name()).as("llama.cpp's choice").isEqualTo("output.weight");
                }
            }
        }
        assertThat(quantized).isGreaterThanOrEqualTo(7);
    }

    static List<String> goldenModels() {
        return GoldenModel.names();
    }

    @ParameterizedTest
    @MethodSource("goldenModels")
    void onePassIsWorthTwo(String name) throws IOException {
        Path checkpoint = GoldenModel.read(name).checkpoint();
        Path converted = folder.resolve("converted.gguf");
        Conversion.defaults().run(checkpoint, converted, ConversionProgress.NONE);
        Path inTwo = folder.resolve("two.gguf");
        to(GgmlType.Q8_0).run(converted, inTwo, ConversionProgress.NONE);
        Path inOne = folder.resolve("one.gguf");
        to(GgmlType.Q8_0).run(checkpoint, inOne, ConversionProgress.NONE);
        assertThat(inOne).hasSameBinaryContentAs(inTwo);
        try (GgufFile file = GgufFile.open(inOne)) {
            assertThat(file.tensor("blk.0.time_mix_key.weight").type()).isEqualTo(GgmlType.Q8_0);
        }
    }

    private static Quantization to(GgmlType type) {
        return Quantization.to(Mix.uniform(type));
    }

    @Test
    void theCommandWritesAModelThatRuns() throws Exception {
        Path model = SmallModels.write(folder, Version.V7);
        Result result = run("quantize", model.toString(), "out.gguf", "-t", "Q8_M", "--threads", "3");
        assertThat(result.err()).startsWith("out.gguf: rwkv7, ").contains(" bits per weight").doesNotContain("\r");
        assertThat(result.status()).isZero();
        assertThat(result.out()).isEmpty();
        Result logits = run("logits", "-m", "out.gguf", "--tokens", "1,2");
        assertThat(logits.err()).isEmpty();
        assertThat(logits.status()).isZero();
    }

    @Test
    void aDryRunListsAllAndWritesNothing() throws Exception {
        Path model = SmallModels.write(folder, Version.V7);
        Result result = run("quantize", model.toString(), "out.gguf", "-t", "Q4_1", "-n", "--tensor",
                "*.channel_mix_value.weight=f16");
        assertThat(result.err()).isEmpty();
        assertThat(result.status()).isZero();
        assertThat(result.text()).startsWith("tensor ")
                .containsPattern("\ntoken_embd\\.weight +64 x 256 +F32 +Q4_1 +10240\n")
                .containsPattern("\nblk\\.1\\.channel_mix_value\\.weight +96 x 64 +F32 +F16 +12288\n")
                .containsPattern("\nin all: \\d+ bytes \\(.* kB, from .* kB\\), \\d+\\.\\d\\d bits per weight\n");
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(model);
        }
    }

    @Test
    void theCommandRefuses() throws Exception {
        Path model = SmallModels.write(folder, Version.V7);
        assertThat(run("quantize", model.toString(), "out.gguf", "-t", "Q8_0").status()).isZero();
        assertRefused("rwkv: out.gguf exists already; --force replaces it", "quantize", model.toString(), "out.gguf",
                "-t", "Q4_0");
        assertRefused("rwkv: out.gguf: tensor token_embd.weight is quantised already", "quantize", "out.gguf",
                "again.gguf", "-t", "Q4_0");
        assertRefused("--tensor is output=Q9, expected PATTERN=TYPE", "quantize", "out.gguf", "again.gguf", "-t",
                "Q4_0", "--tensor", "output=Q9");
        assertRefused("OUT.gguf is missing", "quantize", "out.gguf", "-t", "Q4_0");
        assertRefused("-t, --type is Q9, expected one of F32", "quantize", "out.gguf", "again.gguf", "-t", "Q9");
        assertRefused("missing.gguf: no such file", "quantize", "missing.gguf", "again.gguf", "-t", "Q8_0");
        assertRefused("its directory does not exist", "quantize", "out.gguf", "no/again.gguf", "-t", "Q8_0");
        assertThat(folder.resolve("again.gguf")).doesNotExist();
    }

    private void assertRefused(String message, String... arguments) throws Exception {
        Result result = run(arguments);
        assertThat(result.status()).isIn(1, 2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).contains(message).hasLineCount(1);
    }

    private Result run(String... arguments) throws Exception {
        return CommandLine.run(folder, arguments);
    }
}
