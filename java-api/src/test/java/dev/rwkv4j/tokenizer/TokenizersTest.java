package dev.rwkv4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Vocabulary files, whole and damaged. */
class TokenizersTest {
    @TempDir
    Path directory;

    private Tokenizer read(String content) throws IOException {
        return Tokenizers.read(Files.writeString(directory.resolve("vocabulary"), content));
    }

    private void refuse(String content, String... message) {
        assertThatThrownBy(() -> read(content)).isInstanceOf(TokenizerFormatException.class)
                .hasMessageContaining("vocabulary").hasMessageContainingAll(message);
    }

    private static String world(String... more) {
        return String.join("\n", SmallVocabularies.world(more));
    }

    @Test
    void theLongestTokenIsTaken() throws IOException {
        Tokenizer tokenizer = read(world("'ab' 2", "'abcd' 4", "' a b' 4", "\"it's\" 4", "'\\u00e9\\x80' 4",
                "b'\\xe4\\xb8' 2", "'中' 3", "'\\\\\\'\\t' 3"));
        assertThat(tokenizer).isInstanceOf(WorldTokenizer.class);
        assertThat(tokenizer.size()).isEqualTo(256 + 1 + 8);
        assertThat(tokenizer.encode("abcdabc a bit's")).containsExactly(258, 257, 'c' + 1, 259, 260);
        assertThat(tokenizer.encode("é\u0080中\\'\t")).containsExactly(261, 263, 264);
        assertThat(tokenizer.bytes(262)).containsExactly(0xE4, 0xB8);
        assertThat(tokenizer.decode(262, 0xAD + 1, 0, 262)).isEqualTo("中\uFFFD");
        assertThat(tokenizer.encode("<s>")).containsExactly('<' + 1, 's' + 1, '>' + 1);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"'ab' 3|has 2 bytes", "'ab'|line 258", "'ab' x|length",
            "'' 0|length", "ab 2|quotes", "'ab\" 2|quotes", "' 1|quotes", "b' 1|quotes", "'a'b' 3|quote within",
            "'ab\\' 2|last quote", "'\\x4' 1|2 hexadecimal", "'\\xg0' 1|2 hexadecimal", "'\\u123' 1|4 hexadecimal",
            "'\\a' 1|\\a is unknown", "b'\\u0041' 1|\\u is unknown", "b'é' 2|ASCII", "'\\ud800' 3|surrogate",
            "'a' 1|same bytes as token 98", "b'\\xc3\\xa9' 2|same bytes as token 257"})
    void linesThatAreWrongAreRefused(String line, String problem) {
        refuse(world("'é' 2", line), problem);
    }

    @Test
    void idsHaveToFollowEachOther() {
        refuse(world() + "\n258 'ab' 2", "line 257", "'258', expected 257");
        refuse(world() + "\n256 'ab' 2", "line 257", "'256', expected 257");
        refuse(world() + "\n\n257 'ab' 2", "line 257");
        refuse(world().replace("66 '\\x41' 1", "66 '\\x42' 1"), "line 66", "single byte 65");
        refuse(world().replace("\n256 b'\\xff' 1", ""), "after 255 tokens");
        refuse("1 '\\x00' 1", "after 1 tokens");
    }

    @Test
    void aLineHasToBeUtf8() throws IOException {
        Path file = directory.resolve("vocabulary");
        Files.writeString(file, world("'é' 1"), StandardCharsets.ISO_8859_1);
        assertThatThrownBy(() -> Tokenizers.read(file)).isInstanceOf(TokenizerFormatException.class)
                .hasMessageContainingAll("line 257", "UTF-8");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "hello", "[1]", "\u0000\u0001", "PK\u0003\u0004"})
    void otherFilesAreRefused(String content) {
        refuse(content, "neither");
    }

    @Test
    void aHugeFileIsRefusedBeforeItIsRead() throws IOException {
        Path file = directory.resolve("vocabulary");
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(1L << 40);
        }
        assertThatThrownBy(() -> Tokenizers.read(file)).isInstanceOf(TokenizerFormatException.class)
                .hasMessageContaining("no vocabulary");
        assertThatThrownBy(() -> Tokenizers.read(directory.resolve("absent"))).isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void pairsAreMergedByRankThenFromTheLeft() throws IOException {
        Tokenizer tokenizer = read(SmallVocabularies.neox("b c", "a b", "a a", "aa a", "Ġ a"));
        assertThat(tokenizer).isInstanceOf(NeoxTokenizer.class);
        assertThat(spellings(tokenizer, "abc")).containsExactly("a", "bc");
        assertThat(spellings(tokenizer, "abab")).containsExactly("ab", "ab");
        assertThat(spellings(tokenizer, "aaaaaaa")).containsExactly("aa", "aa", "aaa");
        assertThat(spellings(tokenizer, "a a  a    a")).containsExactly("a", " a", "  ", "a", "   ", " a");
    }

    @Test
    void mergesAreThoseOfTheSimpleAlgorithm() throws IOException {
        String[] merges = {"a b", "b a", "ab ab", "a a", "ba b", "abab a", "b b", "aa b", "ab b"};
        Tokenizer tokenizer = read(SmallVocabularies.neox(merges));
        Random random = new Random(5);
        for (int i = 0; i < 500; i++) {
            StringBuilder word = new StringBuilder();
            for (int k = random.nextInt(30); k > 0; k--) {
                word.append(random.nextBoolean() ? 'a' : 'b');
            }
            assertThat(spellings(tokenizer, word.toString())).isEqualTo(merge(word.toString(), merges));
        }
    }

    /** Looks for the first merge that can be done, does it at its leftmost place, and begins again. */
    private static List<String> merge(String word, String... merges) {
        List<String> parts = new ArrayList<>(word.chars().mapToObj(Character::toString).toList());
        for (int rank = 0; rank < merges.length; rank++) {
            String[] pair = merges[rank].split(" ");
            for (int i = 0; i + 1 < parts.size(); i++) {
                if (parts.get(i).equals(pair[0]) && parts.get(i + 1).equals(pair[1])) {
                    parts.set(i, pair[0] + pair[1]);
                    parts.remove(i + 1);
                    rank = -1;
                    break;
                }
            }
        }
        return parts;
    }

    private static List<String> spellings(Tokenizer tokenizer, String text) {
        List<String> spellings = new ArrayList<>();
        for (int token : tokenizer.encode(text)) {
            spellings.add(tokenizer.decode(token));
        }
        return spellings;
    }

    @Test
    void newerFilesHaveMergesAsPairs() throws IOException {
        Tokenizer tokenizer = read(SmallVocabularies.neox("b c").replace("\"b c\"", "[\"b\", \"c\"]"));
        assertThat(spellings(tokenizer, "abc")).containsExactly("a", "bc");
    }

    @Test
    void damagedJsonIsRefused() {
        String good = SmallVocabularies.neox("a b", "ab c");
        refuse(good.substring(0, good.length() / 2), "no tokenizer.json");
        refuse("{}", "normalizer NFC");
        refuse("{\"model\": 1}", "no tokenizer.json");
        refuse(good.replace("\"NFC\"", "\"NFKC\""), "normalizer NFC");
        refuse(good.replace("\"BPE\"", "\"Unigram\""), "model BPE");
        refuse(good.replace("\"add_prefix_space\": false", "\"add_prefix_space\": true"), "add_prefix_space");
        refuse(good.replace("\"ab c\"", "\"ab x\""), "'ab x'", "does not exist");
        refuse(good.replace("\"ab c\"", "\"abc\""), "no space");
        refuse(good.replace("\"ab c\"", "\"a b\""), "twice");
        refuse(good.replace("\"ab\": 257", "\"ab\": 258"), "two tokens have the id 258");
        refuse(good.replace("\"ab\": 257", "\"ab\": 300"), "no token with the id 257");
        refuse(good.replace("\"ab\": 257", "\"ab\": 2000000000"), "2000000000");
        refuse(good.replace("\"ab\": 257", "\"ab\": -1"), "-1");
        refuse(good.replace("\"ab\": 257", "\"a€\": 257"), "alphabet");
        refuse(good.replace("\"ab\": 257", "\"a\": 257"), "same bytes");
        refuse(good.replace("\"content\": \"  \"", "\"text\": \"  \""), "content");
    }

    @Test
    void aModelOfBytesNeedsNoFile() {
        ByteTokenizer tokenizer = new ByteTokenizer();
        assertThat(tokenizer.encode("aé")).containsExactly('a', 0xC3, 0xA9);
        assertThat(tokenizer.decode('a', 0xC3, 0xA9, 0xFF)).isEqualTo("aé\uFFFD");
        assertThat(tokenizer.size()).isEqualTo(256);
        assertThat(tokenizer.name()).isEqualTo("bytes");
        assertThatIllegalArgumentException().isThrownBy(() -> tokenizer.bytes(256)).withMessageContaining("256");
        assertThatIllegalArgumentException().isThrownBy(() -> tokenizer.withSize(300)).withMessageContaining("300");
    }
}
