package dev.rwkv4j.tool.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoModelTest {
    private static final long MOST_BYTES = 4_000_000;

    @Test
    void isSmallAndItsVocabularyHasTheWordsOfTheStoriesAndAllBytes(@TempDir Path folder) throws IOException {
        Path model = folder.resolve("rwkv4j-demo.gguf");
        try (InputStream resource = DemoModel.class.getResourceAsStream("rwkv4j-demo.gguf")) {
            assertThat(Files.copy(resource, model)).isLessThan(MOST_BYTES);
        }
        Tokenizer tokenizer;
        try (GgufFile file = GgufFile.open(model)) {
            assertThat(file.metadata().getString("general.architecture")).isEqualTo("rwkv7");
            int rows = Math.toIntExact(file.tensor("token_embd.weight").dims().getLast());
            tokenizer = Tokenizer.of(file.metadata(), rows).orElseThrow();
        }

        String told = "The poor hedgehog said, \"Do not cry.\"\n\nOnce";
        assertThat(tokenizer.encode(told)).as("a token a word").hasSize(12);
        for (String text : List.of(told, "Schöne Grüße! It's \0 'quoted' \\ \u7ae0")) {
            assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
        }
    }
}
