package dev.rwkv4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.TestData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The official vocabulary, and what the official tokenizer does with it. */
class WorldTokenizerTest {
    private static Path vocabulary;
    private static GoldenTexts golden;
    private static WorldTokenizer tokenizer;

    @TempDir
    Path directory;

    @BeforeAll
    static void read() throws IOException {
        vocabulary = TestData.require("rwkv_vocab_v20230424.txt");
        golden = GoldenTexts.read(TestData.require("golden/tokenizer_world.json"));
        tokenizer = WorldTokenizer.read(vocabulary);
    }

    @Test
    void theVocabularyIsTheReference() throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(vocabulary));
        assertThat(HexFormat.of().formatHex(digest))
                .isEqualTo("e6dee3d4e31b4d5c40ac99508ac6c701ceef4bed681bf2167ce9a908552bca89");
        assertThat(tokenizer.size()).isEqualTo(65530);
        assertThat(tokenizer.name()).isEqualTo("rwkv");
    }

    @Test
    void textsAndBytesEncodeAsTheOfficialTokenizerDoes() {
        assertThat(golden.texts()).hasSizeGreaterThan(30);
        for (GoldenTexts.Text text : golden.texts()) {
            assertThat(tokenizer.encode(text.text())).as(text.text()).isEqualTo(text.ids());
            assertThat(tokenizer.decode(text.ids())).isEqualTo(text.text());
        }
        assertThat(golden.bytes()).hasSizeGreaterThan(10);
        for (GoldenTexts.Bytes bytes : golden.bytes()) {
            assertThat(tokenizer.encode(bytes.bytes())).isEqualTo(bytes.ids());
        }
    }

    @Test
    void tokensHaveTheOfficialBytesAndSpelling() {
        assertThat(golden.tokens()).hasSizeGreaterThan(20);
        for (GoldenTexts.Token token : golden.tokens()) {
            assertThat(tokenizer.bytes(token.id())).isEqualTo(token.bytes());
            assertThat(GgufEscapes.escape(token.bytes())).isEqualTo(token.gguf());
        }
    }

    @Test
    void randomBytesComeBack() {
        Random random = new Random(1);
        for (int i = 0; i < 300; i++) {
            byte[] bytes = new byte[random.nextInt(400)];
            random.nextBytes(bytes);
            assertThat(join(tokenizer.encode(bytes))).isEqualTo(bytes);
        }
    }

    @Test
    void everyTokenButTheEndHasBytesThatEncodeToIt() {
        assertThat(IntStream.range(1, tokenizer.size()))
                .allMatch(token -> Arrays.equals(tokenizer.encode(tokenizer.bytes(token)), new int[]{token}));
        assertThat(tokenizer.bytes(0)).isEmpty();
    }

    @Test
    void loneSurrogatesBecomeQuestionMarks() {
        assertThat(tokenizer.encode("a\uD800b")).isEqualTo(tokenizer.encode("a?b"));
    }

    @Test
    void idsWithoutTokenDecodeToNothing() {
        WorldTokenizer padded = tokenizer.withSize(65536);
        assertThat(padded.size()).isEqualTo(65536);
        assertThat(padded.decode(65535, 98, 65530, 0, 99)).isEqualTo("ab");
        assertThatIllegalArgumentException().isThrownBy(() -> padded.bytes(65536)).withMessageContaining("65535");
        assertThatIllegalArgumentException().isThrownBy(() -> padded.bytes(-1)).withMessageContaining("token -1");
        assertThatIllegalArgumentException().isThrownBy(() -> tokenizer.withSize(65529))
                .withMessageContaining("65529 rows");
    }

    @Test
    void copiesWithOtherLineEndsAreTheSame() throws IOException {
        String text = Files.readString(vocabulary);
        Path copy = directory.resolve("copy.txt");
        for (String variant : new String[]{text.replace("\n", "\r\n"), text.substring(0, text.length() - 1)}) {
            Files.writeString(copy, variant);
            WorldTokenizer read = WorldTokenizer.read(copy);
            assertThat(read.size()).isEqualTo(65530);
            assertThat(IntStream.range(0, read.size()))
                    .allMatch(token -> Arrays.equals(read.bytes(token), tokenizer.bytes(token)));
        }
    }

    @Test
    void aVocabularyThatWasCutOffIsRefused() throws IOException {
        byte[] content = Files.readAllBytes(vocabulary);
        Path copy = directory.resolve("copy.txt");
        for (int length : new int[]{0, 1, 2000, 500_000, content.length - 2, content.length - 5}) {
            Files.write(copy, Arrays.copyOf(content, length));
            assertThatThrownBy(() -> WorldTokenizer.read(copy)).isInstanceOf(TokenizerFormatException.class)
                    .hasMessageContaining("copy.txt");
        }
    }

    private static byte[] join(int[] tokens) {
        StringBuilder latin1 = new StringBuilder();
        for (int token : tokens) {
            latin1.append(new String(tokenizer.bytes(token), StandardCharsets.ISO_8859_1));
        }
        return latin1.toString().getBytes(StandardCharsets.ISO_8859_1);
    }
}
