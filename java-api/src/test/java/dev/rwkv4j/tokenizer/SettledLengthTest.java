package dev.rwkv4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.TestData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is settled of a text's beginning can be encoded on its own, wherever the beginning ends. */
class SettledLengthTest {
    private static final String TEXT = "Mia's  cat,\n\n   \t 12 345 naïve e\u0301clairs\u00A0 \u3000 in 東京に。\n\n\nabc abcd  😀 "
            + "a\u0085\n b !\r\n";

    @TempDir
    Path directory;

    @Test
    void world() throws IOException {
        Tokenizer tokenizer = WorldTokenizer.read(Files.write(directory.resolve("vocabulary"), SmallVocabularies.world(
                "'abc' 3", "'abcd  ' 6", "'\\n\\n' 2", "'東' 3")));
        check(tokenizer, TEXT.getBytes(StandardCharsets.UTF_8));
        assertThat(tokenizer.settledLength("xabcdexyz".getBytes(StandardCharsets.UTF_8))).isEqualTo(4);
        assertThat(tokenizer.settledLength("abcde".getBytes(StandardCharsets.UTF_8))).isZero();
    }

    @Test
    void neox() throws IOException {
        Tokenizer tokenizer = NeoxTokenizer.read(Files.writeString(directory.resolve("vocabulary"),
                SmallVocabularies.neox("a b", "ab c", "Ġ ab", "Ċ Ċ", "Ġ Ċ")));
        check(tokenizer, TEXT.getBytes(StandardCharsets.UTF_8));
        assertThat(tokenizer.settledLength("one two  three".getBytes(StandardCharsets.UTF_8))).isEqualTo(7);
        assertThat(tokenizer.settledLength("one\u00A0 \u0085 two".getBytes(StandardCharsets.UTF_8))).isZero();
        assertThat(tokenizer.settledLength(" one".getBytes(StandardCharsets.UTF_8))).isZero();
        assertThat(tokenizer.settledLength(new byte[0])).isZero();
    }

    @Test
    void bytes() {
        check(new ByteTokenizer(), TEXT.getBytes(StandardCharsets.UTF_8));
        assertThat(new ByteTokenizer().settledLength(new byte[5])).isEqualTo(5);
    }

    @Test
    void publishedVocabularies() throws IOException {
        Tokenizer world = WorldTokenizer.read(TestData.require("rwkv_vocab_v20230424.txt"));
        Tokenizer neox = NeoxTokenizer.read(TestData.require("20B_tokenizer.json"));
        byte[] text = (TEXT + TEXT.toUpperCase(Locale.ROOT)).getBytes(StandardCharsets.UTF_8);
        check(world, text);
        check(neox, text);
        byte[] noise = new byte[2000];
        new Random(3).nextBytes(noise);
        check(world, noise);
        check(neox, noise);
    }

    private static void check(Tokenizer tokenizer, byte[] text) {
        int[] whole = tokenizer.encode(text);
        int settled = 0;
        for (int end = 0; end <= text.length; end++) {
            int length = tokenizer.settledLength(Arrays.copyOf(text, end));
            assertThat(length).isBetween(settled, end); // more is known, more is settled
            settled = length;
            int[] parts = IntStream.concat(
                    Arrays.stream(tokenizer.encode(Arrays.copyOf(text, length))),
                    Arrays.stream(tokenizer.encode(Arrays.copyOfRange(text, length, text.length)))).toArray();
            assertThat(parts).as("cut at " + length).isEqualTo(whole);
        }
        assertThat(settled).isPositive();
    }
}
