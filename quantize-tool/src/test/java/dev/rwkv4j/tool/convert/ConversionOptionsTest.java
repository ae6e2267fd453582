package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConversionOptionsTest {
    @TempDir
    private Path folder;

    private Path source;
    private Path target;

    @BeforeEach
    void writeCheckpoint() throws IOException {
        source = Files.write(folder.resolve("tiny-model.v2.pth"), PthBytes.of(TinyModel.of("5.0")));
        target = folder.resolve("model.gguf");
    }

    @Test
    void aFileIsReplacedOnlyIfThatIsAllowed() throws IOException {
        Files.writeString(target, "precious");
        assertThatThrownBy(() -> run(Conversion.defaults())).isInstanceOf(FileAlreadyExistsException.class)
                .hasMessageContaining(target.toString());
        assertThat(target).hasContent("precious");
        run(Conversion.defaults().withOverwrite(true));
        assertThat(target).isNotEmptyFile().binaryContent().startsWith("GGUF".getBytes());
    }

    @Test
    void theCheckpointIsNeverReplaced() throws IOException {
        byte[] before = Files.readAllBytes(source);
        assertThatThrownBy(() -> Conversion.defaults().withOverwrite(true).run(source, source, ConversionProgress.NONE))
                .isInstanceOf(FileSystemException.class)
                .hasMessageContaining("is one of the files that are to be read");
        assertThat(source).hasBinaryContent(before);
    }

    @Test
    void nothingIsLeftOfAConversionThatFails() throws IOException {
        Map<String, Values> model = TinyModel.of("5.0");
        model.get("head.weight").data()[5] = 1e6f;
        Files.write(source, PthBytes.of(model));
        assertThatThrownBy(() -> run(Conversion.defaults().withType(GgmlType.F16)))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("tensor head.weight holds 1000000.0");
        assertThat(folder).isDirectoryNotContaining("glob:**gguf*");
        run(Conversion.defaults().withType(GgmlType.BF16));
    }

    @Test
    void progressEndsWithAllBytes() throws IOException {
        List<Long> done = new ArrayList<>();
        List<Long> inAll = new ArrayList<>();
        List<String> names = new ArrayList<>();
        Conversion.defaults().run(source, target, (bytesDone, bytesInAll, tensor) -> {
            done.add(bytesDone);
            inAll.add(bytesInAll);
            names.add(tensor);
        });
        assertThat(done).isSorted().doesNotHaveDuplicates();
        assertThat(inAll).containsOnly(done.getLast());
        try (GgufFile file = GgufFile.open(target)) {
            assertThat(names).containsAll(file.tensors().keySet());
            assertThat(done.getLast())
                    .isEqualTo(file.tensors().values().stream().mapToLong(GgufTensor::byteSize).sum());
        }
    }

    @Test
    void theResultDescribesTheFile() throws IOException {
        ConversionResult result = run(Conversion.defaults());
        assertThat(result.architecture()).isEqualTo("rwkv5");
        assertThat(result.bytes()).isEqualTo(Files.size(target));
        try (GgufFile file = GgufFile.open(target)) {
            assertThat(result.tensors()).isEqualTo(file.tensors().size());
            assertThat(file.metadata().getString("general.name")).isEqualTo("tiny-model.v2");
            assertThat(file.metadata().getString("tokenizer.ggml.model")).isEqualTo("none");
            assertThat(file.metadata().getInt("rwkv5.vocab_size"))
                    .isEqualTo(Math.toIntExact(file.tensor("output.weight").dims().get(1)));
            assertThat(file.metadata().contains("rwkv5.attention.group_norm_epsilon")).isFalse();
        }
        assertThat(result.notes()).singleElement().asString().contains("no vocabulary");
    }

    @Test
    void theEpsilonIsWritten() throws IOException {
        run(Conversion.defaults().withGroupNormEpsilon(1e-5));
        try (GgufFile file = GgufFile.open(target)) {
            assertThat(file.metadata().getFloat("rwkv5.attention.group_norm_epsilon")).isEqualTo(1e-5f);
        }
    }

    @Test
    void theVocabularyIsWritten() throws IOException {
        Map<String, Values> model = TinyModel.of("5.0");
        model.put("emb.weight", new Values(new long[]{300, 8}, new float[2400]));
        model.put("head.weight", new Values(new long[]{300, 8}, new float[2400]));
        Files.write(source, PthBytes.of(model));
        ConversionResult result = run(Conversion.defaults().withVocabulary(vocabulary()));
        assertThat(result.notes()).isEmpty();
        try (GgufFile file = GgufFile.open(target)) {
            Tokenizer tokenizer = Tokenizer.of(file.metadata(), 300).orElseThrow();
            assertThat(tokenizer.encode("aba")).containsExactly(257, 1 + 'a');
        }
    }

    @Test
    void aVocabularyThatIsTooLargeIsRefused() throws IOException {
        Conversion conversion = Conversion.defaults().withVocabulary(vocabulary());
        assertThatThrownBy(() -> run(conversion)).isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("258 tokens").hasMessageContaining("16 rows");
    }

    @Test
    void aTunedStateIsMentioned() throws IOException {
        Map<String, Values> model = TinyModel.of("7");
        for (int i = 0; i < TinyModel.LAYERS; i++) {
            model.put("blocks." + i + ".att.time_state", new Values(new long[]{2, 4, 4}, new float[32]));
        }
        Files.write(source, PthBytes.of(model));
        assertThat(run(Conversion.defaults()).notes()).filteredOn(note -> note.contains("time_state")).hasSize(1);
    }

    @Test
    void aStateAloneIsRefused() throws IOException {
        Files.write(source,
                PthBytes.of(Map.of("blocks.0.att.time_state", new Values(new long[]{2, 4, 4}, new float[32]))));
        assertThatThrownBy(() -> run(Conversion.defaults())).hasMessageContaining("only a state");
    }

    @Test
    void aMissingLn0IsTheIdentity() throws IOException {
        Map<String, Values> model = TinyModel.of("7");
        model.remove("blocks.0.ln0.weight");
        model.remove("blocks.0.ln0.bias");
        assertThat(Conversions.values(folder, PthBytes.of(model))).doesNotContainKey("token_embd_norm.weight");
    }

    @Test
    void impossibleOptionsAreRefused() {
        Conversion defaults = Conversion.defaults();
        assertThatThrownBy(() -> defaults.withType(GgmlType.Q4_0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> defaults.withGroupNormEpsilon(0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> defaults.withGroupNormEpsilon(Double.NaN))
                .isInstanceOf(IllegalArgumentException.class);
    }

    /** All bytes and one pair. */
    private Path vocabulary() throws IOException {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 256; i++) {
            lines.append(i + 1).append(String.format(" b'\\x%02x' 1\n", i));
        }
        return Files.writeString(folder.resolve("vocabulary.txt"), lines.append("257 'ab' 2\n"));
    }

    private ConversionResult run(Conversion conversion) throws IOException {
        return conversion.run(source, target, ConversionProgress.NONE);
    }
}
