package dev.rwkv4j.tool.quality;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.tokenizer.ByteTokenizer;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tokenizer.WorldTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TextTokensTest {
    private static final int PIECE = 1 << 16;

    @TempDir
    private Path folder;

    /** What lies across the end of a piece has to become one token. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, PIECE - 3, PIECE - 2, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE - 1, 2 * PIECE, 300_000})
    void tokensAreThoseOfTheWholeText(int length) throws IOException {
        Tokenizer tokenizer = world("abcdefgh", "ab", "efg", "hab", "\\n\\n", "abcdefghabcdefgh");
        byte[] text = ("gh" + "abcdefgh".repeat(length / 8 + 1)).substring(0, length).getBytes(StandardCharsets.UTF_8);
        assertThat(read(text, tokenizer)).isEqualTo(tokenizer.encode(text));
        byte[] random = new Random(length).ints(length, 'a', 'i' + 1).collect(StringBuilder::new,
                StringBuilder::appendCodePoint, StringBuilder::append).toString().getBytes(StandardCharsets.UTF_8);
        assertThat(read(random, tokenizer)).isEqualTo(tokenizer.encode(random));
        assertThat(read(random, new ByteTokenizer())).isEqualTo(new ByteTokenizer().encode(random));
    }

    /** A long text of characters of three bytes, with a tokenizer that never says what is settled. */
    @Test
    void whereNothingIsSettledCharactersStayWhole() throws IOException {
        String text = "x" + "東".repeat(100_000);
        List<Integer> lengths = new ArrayList<>();
        Tokenizer whole = new Unsettled(lengths);
        assertThat(read(text.getBytes(StandardCharsets.UTF_8), whole)).hasSize(100_001);
        assertThat(lengths).hasSizeGreaterThan(4).allMatch(length -> length <= PIECE);
    }

    /** Says of each piece how many characters it has; a cut one would count as U+FFFD. */
    private record Unsettled(List<Integer> lengths) implements Tokenizer {
        @Override
        public int[] encode(byte[] bytes) {
            lengths.add(bytes.length);
            String text = new String(bytes, StandardCharsets.UTF_8);
            assertThat(text).doesNotContain("\uFFFD");
            return text.codePoints().toArray();
        }

        @Override
        public int[] encode(String text) {
            throw new UnsupportedOperationException();
        }

        @Override
        public byte[] bytes(int token) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int size() {
            throw new UnsupportedOperationException();
        }

        @Override
        public String name() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Tokenizer withSize(int size) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void writeTo(GgufWriter writer) {
            throw new UnsupportedOperationException();
        }
    }

    @Test
    void anErrorOfTheSourceIsPassedOn() {
        InputStream broken = new InputStream() {
            @Override
            public int read() throws IOException {
                throw new IOException("disk on fire");
            }
        };
        assertThatThrownBy(() -> new TextTokens(broken, new ByteTokenizer()).next()).isInstanceOf(IOException.class)
                .hasMessage("disk on fire");
    }

    private static int[] read(byte[] text, Tokenizer tokenizer) throws IOException {
        IntStream.Builder read = IntStream.builder();
        try (TextTokens tokens = new TextTokens(new ByteArrayInputStream(text), tokenizer)) {
            for (int token = tokens.next(); token != TextTokens.END; token = tokens.next()) {
                read.add(token);
            }
            assertThat(tokens.next()).isEqualTo(TextTokens.END);
        }
        return read.build().toArray();
    }

    private WorldTokenizer world(String... more) throws IOException {
        List<String> lines = new ArrayList<>();
        for (int b = 0; b < 256; b++) {
            lines.add((b + 1) + (b < 0x80 ? " '" : " b'") + String.format("\\x%02x", b) + "' 1");
        }
        for (String token : more) {
            lines.add((lines.size() + 1) + " '" + token + "' " + token.replace("\\n", "n").length());
        }
        return WorldTokenizer.read(Files.write(folder.resolve("vocabulary"), lines));
    }
}
