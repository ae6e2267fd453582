package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShardIndexTest {
    private static final String FIRST = "model-00001-of-00002.safetensors";
    private static final String SECOND = "model-00002-of-00002.safetensors";

    private final Map<String, Values> model = TinyModel.of("6");
    private final Map<String, Values> first = new LinkedHashMap<>();
    private final Map<String, Values> second = new LinkedHashMap<>();
    private final Map<String, String> index = new LinkedHashMap<>();

    @TempDir
    private Path folder;

    @BeforeEach
    void split() throws IOException {
        model.forEach((name, values) -> {
            (index.size() % 3 == 0 ? first : second).put(name, values);
            index.put(name, index.size() % 3 == 0 ? FIRST : SECOND);
        });
        Files.write(folder.resolve(FIRST), SafetensorsBytes.of(first));
        Files.write(folder.resolve(SECOND), SafetensorsBytes.of(second));
        writeIndex();
    }

    private void writeIndex() throws IOException {
        String entries = index.entrySet().stream()
                .map(entry -> '"' + entry.getKey() + "\": \"" + entry.getValue() + '"')
                .collect(Collectors.joining(",\n"));
        Files.writeString(indexFile(), "{\"metadata\": {\"total_size\": 12345},\n\"weight_map\": {" + entries + "}}\n");
    }

    private Path indexFile() {
        return folder.resolve("model.safetensors.index.json");
    }

    @Test
    void noFileThatIsReadIsReplaced() throws IOException {
        byte[] shard = Files.readAllBytes(folder.resolve(SECOND));
        Path link = Files.createLink(folder.resolve("link"), folder.resolve(SECOND));
        for (Path target : List.of(folder.resolve(SECOND), indexFile(), link)) {
            assertThatThrownBy(() -> Conversion.defaults().withOverwrite(true)
                    .run(folder, target, ConversionProgress.NONE))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageContaining("is one of the files that are to be read");
        }
        assertThat(folder.resolve(SECOND)).hasBinaryContent(shard);
    }

    @Test
    void folderAndIndexAreTheWholeModel() throws IOException {
        Path whole = Files.write(folder.resolve("whole.safetensors"), SafetensorsBytes.of(model));
        byte[] expected = converted(whole);
        assertThat(converted(folder)).isEqualTo(expected);
        assertThat(converted(indexFile())).isEqualTo(expected);
    }

    @Test
    void filesOfPyTorchMayBeSplitToo() throws IOException {
        byte[] expected = converted(folder);
        Files.write(folder.resolve(FIRST), PthBytes.of(first));
        Files.write(folder.resolve(SECOND), LegacyPthBytes.of(second));
        Files.move(indexFile(), folder.resolve("pytorch_model.bin.index.json"));
        assertThat(converted(folder)).isEqualTo(expected);
    }

    @Test
    void aFolderMayHoldOneFile() throws IOException {
        byte[] expected = converted(folder);
        Files.delete(indexFile());
        Files.write(folder.resolve("model.safetensors"), SafetensorsBytes.of(model));
        assertThat(converted(folder)).isEqualTo(expected);
    }

    @Test
    void theFolderGivesTheName() throws IOException {
        Path named = Files.createDirectory(folder.resolve("rwkv-6.1"));
        Files.write(named.resolve("model.safetensors"), SafetensorsBytes.of(model));
        Path target = folder.resolve("out.gguf");
        Conversion.defaults().run(named, target, ConversionProgress.NONE);
        try (GgufFile file = GgufFile.open(target)) {
            assertThat(file.metadata().getString("general.name")).isEqualTo("rwkv-6.1");
        }
    }

    /** The name of the model is that of its file, so it is left out of the comparison. */
    private byte[] converted(Path source) throws IOException {
        Path target = folder.resolve("out.gguf");
        Conversion.defaults().withType(GgmlType.F32).withOverwrite(true).run(source, target, ConversionProgress.NONE);
        byte[] file = Files.readAllBytes(target);
        return java.util.Arrays.copyOfRange(file, file.length - dataBytes(), file.length);
    }

    /** All tensors are F32 and a multiple of the alignment, but for the few smallest. */
    private int dataBytes() {
        return model.values().stream().mapToInt(values -> values.data().length * Float.BYTES).sum();
    }

    @ParameterizedTest
    @ValueSource(strings = {"../evil.safetensors", "..", ".", "/etc/passwd", "sub/model.safetensors", "C:model",
            "a\\\\b",
            "", "..\\\\evil", "nul\\u0000", "\\u002e\\u002e/evil"})
    void filesElsewhereAreNeverOpened(String name) throws IOException {
        Files.createDirectory(folder.resolve("sub"));
        Files.write(folder.resolve("sub/model.safetensors"), SafetensorsBytes.of(model));
        index.put("emb.weight", name);
        writeIndex();
        refused("is not a plain name of a file beside it");
    }

    @Test
    void indexAndFilesHaveToAgree() throws IOException {
        index.put("emb.weight", SECOND);
        writeIndex();
        refused("tensor emb.weight is not where model.safetensors.index.json says it is");
        index.put("emb.weight", FIRST);
        index.put("more.weight", FIRST);
        writeIndex();
        refused("tensor more.weight is not in " + FIRST);
        index.remove("more.weight");
        index.remove("emb.weight");
        writeIndex();
        refused("tensor emb.weight is not where");
    }

    @Test
    void aMissingFileIsNamed() throws IOException {
        Files.delete(folder.resolve(SECOND));
        assertThatThrownBy(() -> Checkpoint.open(folder)).isInstanceOf(IOException.class).hasMessageContaining(SECOND);
    }

    @Test
    void aDamagedFileIsNamed() throws IOException {
        Files.write(folder.resolve(SECOND), new byte[100]);
        refused(SECOND + ": neither");
        Files.writeString(folder.resolve(SECOND), "{\"weight_map\": {\"a\": \"" + SECOND + "\"}}");
        refused(SECOND + ": neither");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "{\"weight_map\": {}}", "{\"weight_map\": []}", "{\"weight_map\": {\"a\": 1}}",
            "{\"weight_map\"", "{\"weight_map\": {\"a\": \"b\", \"a\": \"b\"}}", "{\"other\": 1} x"})
    void otherJsonIsRefused(String content) throws IOException {
        Files.writeString(indexFile(), content);
        refused("the index ");
    }

    @Test
    void deepJsonIsHarmless() throws IOException {
        Files.writeString(indexFile(), "{\"metadata\": " + "[".repeat(1_000_000));
        refused("the index ");
    }

    @Test
    void tooManyFilesAreRefused() throws IOException {
        for (int i = 0; i <= 1000; i++) {
            index.put("tensor" + i, "file" + i);
        }
        writeIndex();
        refused("more than the 1000 that are supported");
    }

    private void refused(String problem) {
        assertThatThrownBy(() -> Checkpoint.open(folder)).isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining(problem).hasMessageStartingWith(folder.toString());
    }
}
