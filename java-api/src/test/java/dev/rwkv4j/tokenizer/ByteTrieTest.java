package dev.rwkv4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.rwkv4j.TestData;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The trie against a table of all tokens. */
class ByteTrieTest {
    private final Random random = new Random(3);

    @Test
    void tokensInAnyOrderAreFound() throws VocabularyException {
        List<byte[]> tokens = randomTokens(20_000);
        checkAllAndRandomBytes(tokens);
        Collections.shuffle(tokens, random);
        checkAllAndRandomBytes(tokens);
    }

    @Test
    void theOfficialVocabularyIsFound() throws IOException, VocabularyException {
        Path file = TestData.require("rwkv_vocab_v20230424.txt");
        TokenTable table = WorldVocabulary.parse(file, Files.readAllBytes(file));
        checkAllAndRandomBytes(IntStream.range(1, table.size()).mapToObj(table::spelling).toList());
    }

    @Test
    void nothingIsFoundWhereThereAreNoTokens() throws VocabularyException {
        ByteTrie trie = ByteTrie.build(new TokenTable.Builder().build(), new int[0]);

        assertThat(trie.depth()).isZero();
        assertThat(trie.find(new byte[1], 0, 1)).isEqualTo(ByteTrie.NONE);
        assertThat(trie.longest(new byte[1], 0, 1)).isEqualTo(ByteTrie.NONE);
    }

    @Test
    void aTokenMayNotOccurTwice() {
        List<byte[]> tokens = List.of(new byte[]{1, 2}, new byte[]{1}, new byte[]{3}, new byte[]{1, 2});

        assertThatExceptionOfType(VocabularyException.class).isThrownBy(() -> trieOf(tokens))
                .withMessage("token 3 has the same bytes as token 0");
    }

    /** Of a few different bytes, so that many begin alike; the greatest and the least byte are among them. */
    private List<byte[]> randomTokens(int count) {
        Map<ByteBuffer, byte[]> tokens = new HashMap<>();
        while (tokens.size() < count) {
            byte[] token = randomBytes(1 + random.nextInt(9));
            tokens.put(ByteBuffer.wrap(token), token);
        }
        List<byte[]> sorted = new ArrayList<>(tokens.values());
        sorted.sort(Arrays::compareUnsigned);
        return sorted;
    }

    private byte[] randomBytes(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (random.nextInt(6) * 51);
        }
        return bytes;
    }

    private static ByteTrie trieOf(List<byte[]> tokens) throws VocabularyException {
        TokenTable.Builder table = new TokenTable.Builder();
        tokens.forEach(token -> table.add(TokenTable.NORMAL, token));
        return ByteTrie.build(table.build(), IntStream.range(0, tokens.size()).toArray());
    }

    private void checkAllAndRandomBytes(List<byte[]> tokens) throws VocabularyException {
        ByteTrie trie = trieOf(tokens);
        Map<ByteBuffer, Integer> ids = new HashMap<>();
        for (int id = 0; id < tokens.size(); id++) {
            ids.put(ByteBuffer.wrap(tokens.get(id)), id);
            assertThat(trie.find(tokens.get(id), 0, tokens.get(id).length)).isEqualTo(id);
        }
        assertThat(trie.depth()).isEqualTo(tokens.stream().mapToInt(token -> token.length).max().orElseThrow());
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = randomBytes(20);
            int from = random.nextInt(5);
            int to = from + random.nextInt(15);
            assertThat(trie.find(bytes, from, to)).isEqualTo(find(ids, bytes, from, to));
            assertThat(trie.longest(bytes, from, to)).isEqualTo(longest(ids, bytes, from, to));
        }
    }

    private static int find(Map<ByteBuffer, Integer> ids, byte[] bytes, int from, int to) {
        return ids.getOrDefault(ByteBuffer.wrap(bytes, from, to - from), ByteTrie.NONE);
    }

    private static int longest(Map<ByteBuffer, Integer> ids, byte[] bytes, int from, int to) {
        for (int end = to; end > from; end--) {
            int id = find(ids, bytes, from, end);
            if (id != ByteTrie.NONE) {
                return id;
            }
        }
        return ByteTrie.NONE;
    }
}
