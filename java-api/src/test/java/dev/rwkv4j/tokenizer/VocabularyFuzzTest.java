package dev.rwkv4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes as a vocabulary file: they make a tokenizer that encodes whatever there is, or are refused with a message. */
class VocabularyFuzzTest {
    private static final Path FILE = Path.of("fuzz.txt");

    /** Makes a tokenizer of the content of a file. */
    private interface Parser {
        Tokenizer parse(Path file, byte[] content) throws TokenizerFormatException;
    }

    static Stream<byte[]> worlds() {
        return bytes(
                String.join("\n", SmallVocabularies.world("'ab' 2", "\"a'b\" 3", "b'\\xff\\xfe' 2", "'\\u0416' 2")));
    }

    static Stream<byte[]> neoxes() {
        return bytes(SmallVocabularies.neox("a b", "ab c", "Ġ a"), SmallVocabularies.neox());
    }

    private static Stream<byte[]> bytes(String... texts) {
        return Stream.of(texts).map(text -> text.getBytes(StandardCharsets.UTF_8));
    }

    @MethodSource("worlds")
    @FuzzTest(maxDuration = "3m")
    void world(byte[] content) {
        check(content, WorldTokenizer::parse);
    }

    @MethodSource("neoxes")
    @FuzzTest(maxDuration = "3m")
    void neox(byte[] content) {
        check(content, NeoxTokenizer::parse);
    }

    private static void check(byte[] content, Parser parser) {
        try {
            Tokenizer tokenizer = parser.parse(FILE, content);
            ByteArrayOutputStream decoded = new ByteArrayOutputStream();
            for (int token : tokenizer.encode(content)) {
                decoded.writeBytes(tokenizer.bytes(token));
            }
            if (remainsAsItIs(content) || tokenizer instanceof WorldTokenizer) {
                assertThat(decoded.toByteArray()).isEqualTo(content);
            }
        } catch (TokenizerFormatException e) {
            assertThat(e).hasMessageStartingWith("fuzz.txt");
        }
    }

    /** Whether normalising, which belongs to the tokenizer of GPT-NeoX, changes nothing. */
    private static boolean remainsAsItIs(byte[] content) {
        String text = new String(content, StandardCharsets.UTF_8);
        return Arrays.equals(content, text.getBytes(StandardCharsets.UTF_8))
                && Normalizer.isNormalized(text, Normalizer.Form.NFC);
    }
}
