package dev.rwkv4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.TestData;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.gguf.GgufWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tokenizers in the metadata of GGUF files. */
class TokenizerKeysTest {
    @TempDir
    Path directory;

    private interface Check {
        void accept(GgufMetadata metadata) throws IOException;
    }

    private void write(Consumer<GgufWriter> keys, Check check) throws IOException {
        Path path = directory.resolve("model.gguf");
        GgufWriter writer = new GgufWriter();
        keys.accept(writer);
        writer.write(path);
        try (GgufFile file = GgufFile.open(path)) {
            check.accept(file.metadata());
        }
    }

    private void refuse(Consumer<GgufWriter> keys, int vocabularySize, String... message) throws IOException {
        write(keys, metadata -> assertThatThrownBy(() -> Tokenizer.of(metadata, vocabularySize))
                .isInstanceOf(GgufFormatException.class).hasMessageContaining("model.gguf")
                .hasMessageContainingAll(message));
    }

    private Tokenizer small(String name, String content) throws IOException {
        return Tokenizers.read(Files.writeString(directory.resolve(name), content));
    }

    private void comesBack(Tokenizer tokenizer, String text) throws IOException {
        write(tokenizer::writeTo, metadata -> {
            Tokenizer read = Tokenizer.of(metadata, tokenizer.size()).orElseThrow();
            assertThat(read.name()).isEqualTo(tokenizer.name());
            assertThat(read.size()).isEqualTo(tokenizer.size());
            assertThat(IntStream.range(0, read.size()))
                    .allMatch(token -> Arrays.equals(read.bytes(token), tokenizer.bytes(token)));
            assertThat(read.encode(text)).isEqualTo(tokenizer.encode(text));
        });
    }

    @Test
    void officialVocabulariesComeBack() throws IOException {
        comesBack(Tokenizers.read(TestData.require("rwkv_vocab_v20230424.txt")).withSize(65536),
                "Ünï 🙂 <s>[PAD65535]");
        comesBack(Tokenizers.read(TestData.require("20B_tokenizer.json")).withSize(50432),
                "Ünï 🙂   <|endoftext|> can't\n\n x");
    }

    @Test
    void worldKeysAreThoseOfLlamaCpp() throws IOException {
        Tokenizer tokenizer = small("w", String.join("\n", SmallVocabularies.world("'ab' 2", "'\\n\\n' 2", "'abc' 3",
                "\"'a\" 2", "'\\n\\n\\n' 3"))).withSize(264);
        write(tokenizer::writeTo, metadata -> {
            assertThat(metadata.getString("tokenizer.ggml.model")).isEqualTo("rwkv");
            List<String> tokens = metadata.getStrings("tokenizer.ggml.tokens");
            assertThat(tokens).hasSize(264).startsWith("<s>", "\\x00").endsWith("\\n\\n\\n", "[PAD262]", "[PAD263]");
            assertThat(tokens.get('\'' + 1)).isEqualTo("'");
            int[] types = metadata.getInts("tokenizer.ggml.token_type");
            assertThat(types).hasSize(264).startsWith(3, 1).endsWith(1, 5, 5);
            assertThat(metadata.getInt("tokenizer.ggml.bos_token_id")).isZero();
            assertThat(metadata.getInt("tokenizer.ggml.eos_token_id")).isZero();
            assertThat(metadata.getInt("tokenizer.ggml.eot_token_id")).isEqualTo(261);
            assertThat(Tokenizer.of(metadata, 264).orElseThrow().encode("<s>[PAD262]")).hasSize(11);
        });
        write(small("w", String.join("\n", SmallVocabularies.world("'ab' 2"))).withSize(264)::writeTo,
                metadata -> assertThat(metadata.contains("tokenizer.ggml.eot_token_id")).isFalse());
    }

    @Test
    void neoxKeysAreThoseOfLlamaCpp() throws IOException {
        Tokenizer tokenizer = small("n", SmallVocabularies.neox("a b", "Ġ ab")).withSize(263);
        write(tokenizer::writeTo, metadata -> {
            assertThat(metadata.getString("tokenizer.ggml.model")).isEqualTo("gpt2");
            assertThat(metadata.getString("tokenizer.ggml.pre")).isEqualTo("mpt");
            assertThat(metadata.getStrings("tokenizer.ggml.merges")).containsExactly("a b", "Ġ ab");
            assertThat(metadata.getStrings("tokenizer.ggml.tokens")).hasSize(263).startsWith("<|endoftext|>", "Ā")
                    .endsWith("ab", "Ġab", "   ", "  ", "[PAD261]", "[PAD262]");
            assertThat(metadata.getInts("tokenizer.ggml.token_type")).startsWith(3, 1).endsWith(1, 1, 4, 4, 5, 5);
            assertThat(metadata.contains("tokenizer.ggml.eot_token_id")).isFalse();
        });
        comesBack(tokenizer, "ab ab   <|endoftext|>[PAD261]");
    }

    @Test
    void filesOfLlamaCppAreRead() throws IOException {
        try (GgufFile file = GgufFile.open(TestData.require("gguf/rwkv7-256-f16.gguf"))) {
            Tokenizer tokenizer = Tokenizer.of(file.metadata(), 256).orElseThrow();
            assertThat(tokenizer.encode("<s>Ü")).containsExactly('<' + 1, 's' + 1, '>' + 1, 0xC3 + 1, 0x9C + 1);
            assertThat(tokenizer.decode(0, 98, 11)).isEqualTo("a\n");
            assertThatIllegalArgumentException().isThrownBy(() -> tokenizer.encode(new byte[]{(byte) 0xFF}))
                    .withMessageContaining("no token for the byte 255");
            write(tokenizer::writeTo, metadata -> {
                for (String key : List.of("tokens", "token_type")) {
                    assertThat(metadata.get("tokenizer.ggml." + key))
                            .isEqualTo(file.metadata().get("tokenizer.ggml." + key));
                }
            });
        }
    }

    @Test
    void bytesAndNoTokenizerAtAll() throws IOException {
        write(new ByteTokenizer()::writeTo, metadata -> {
            assertThat(Tokenizer.of(metadata, 256)).containsInstanceOf(ByteTokenizer.class);
            assertThat(Tokenizer.of(metadata, 257)).isEmpty();
        });
        write(writer -> writer.putUint32("x", 1), metadata -> assertThat(Tokenizer.of(metadata, 256)).isEmpty());
    }

    private static Consumer<GgufWriter> world(List<String> tokens, int... types) {
        return writer -> writer.putString("tokenizer.ggml.model", "rwkv").putStrings("tokenizer.ggml.tokens", tokens)
                .putInts("tokenizer.ggml.token_type", types);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"\\|ends within", "\\x1|2 hexadecimal",
            "\\xg1|2 hexadecimal", "a\\x|2 hexadecimal", "a|same bytes as token 1"})
    void wrongTokensAreRefused(String token, String problem) throws IOException {
        refuse(world(List.of("<s>", "a", token), 3, 1, 1), 3, "tokenizer.ggml.tokens", problem);
    }

    @Test
    void wrongLengthsAndTypesAreRefused() throws IOException {
        List<String> tokens = List.of("<s>", "a", "b");
        refuse(world(tokens, 3, 1, 1), 4, "tokens has 3 elements", "4 rows");
        refuse(world(tokens, 3, 1, 1), 2, "tokens has 3 elements", "2 rows");
        refuse(world(tokens, 3, 1), 3, "token_type has 2 elements");
        refuse(world(tokens, 3, 257, 1), 3, "token_type, element 1 is 257");
        refuse(world(tokens, 3, -1, 1), 3, "token_type, element 1 is -1");
        refuse(writer -> writer.putString("tokenizer.ggml.model", "rwkv"), 3, "tokens is missing");
        refuse(writer -> world(tokens, 3, 1, 1).andThen(w -> w.putString("tokenizer.ggml.tokens", "")).accept(writer),
                3,
                "expected an array");
        refuse(writer -> writer.putString("tokenizer.ggml.model", "llama"), 3, "'llama'");
        refuse(writer -> writer.putUint32("tokenizer.ggml.model", 1), 3, "expected a string");
    }

    @Test
    void tokensOfOtherTypesAreNotEncoded() throws IOException {
        List<String> tokens = new ArrayList<>(List.of("<s>", "<", "s", ">", "<s", "s>", "<>"));
        write(world(tokens, 1, 1, 1, 1, 3, 5, 4), metadata -> {
            Tokenizer tokenizer = Tokenizer.of(metadata, 7).orElseThrow();
            assertThat(tokenizer.encode("<s><>")).containsExactly(1, 2, 3, 1, 3);
            assertThat(tokenizer.decode(4, 5, 6)).isEqualTo("<>");
        });
    }

    @Test
    void inconsistentMergesAreRefused() throws IOException {
        Tokenizer tokenizer = small("n", SmallVocabularies.neox("a b"));
        Consumer<GgufWriter> good = tokenizer::writeTo;
        refuse(good.andThen(w -> w.putStrings("tokenizer.ggml.merges", List.of("a b", "x y"))), 260, "'x y'");
        refuse(good.andThen(w -> w.putStrings("tokenizer.ggml.merges", List.of("a b", "a b"))), 260, "twice");
        refuse(good.andThen(w -> w.putStrings("tokenizer.ggml.merges", List.of("ab"))), 260, "no space");
        refuse(good.andThen(w -> w.putString("tokenizer.ggml.pre", "llama-bpe")), 260, "'llama-bpe'", "mpt");
        refuse(good.andThen(w -> w.putInts("tokenizer.ggml.token_type", new int[260])), 260, "byte 0");
    }
}
