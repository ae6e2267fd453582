package dev.rwkv4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.TestData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The official 20B tokenizer, and what the library it was made for does with it. */
class NeoxTokenizerTest {
    private static GoldenTexts golden;
    private static NeoxTokenizer tokenizer;

    @BeforeAll
    static void read() throws IOException {
        golden = GoldenTexts.read(TestData.require("golden/tokenizer_20b.json"));
        tokenizer = NeoxTokenizer.read(TestData.require("20B_tokenizer.json"));
    }

    @Test
    void textsEncodeAsTheOfficialTokenizerDoes() {
        assertThat(golden.texts()).hasSizeGreaterThan(30);
        for (GoldenTexts.Text text : golden.texts()) {
            assertThat(tokenizer.encodeWithSpecialTokens(text.text())).as(text.text()).isEqualTo(text.ids());
            if (!text.text().contains("<|")) {
                assertThat(tokenizer.encode(text.text())).isEqualTo(text.ids());
                assertThat(tokenizer.encode(text.text().getBytes(StandardCharsets.UTF_8))).isEqualTo(text.ids());
            }
        }
    }

    @Test
    void usersCannotWriteSpecialTokens() {
        String text = "a<|endoftext|>b<|padding|>";
        assertThat(tokenizer.encode(text)).doesNotContain(0, 1);
        assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
        assertThat(tokenizer.encodeWithSpecialTokens(text)).containsExactly(66, 0, 67, 1);
    }

    @Test
    void runsOfSpacesAreTakenFromTheLeft() {
        assertThat(tokenizer.encode("a   b")).containsExactly(66, 50275, 67);
        assertThat(tokenizer.encode(" ".repeat(24 + 2))).containsExactly(50254, 50276);
        assertThat(tokenizer.encode(" ".repeat(24 + 1) + "a")).containsExactly(50254, 247);
    }

    @Test
    void textsComeBackInComposedForm() {
        assertThat(tokenizer.decode(tokenizer.encode("e\u0301 and \uAC00"))).isEqualTo("\u00E9 and \uAC00");
        assertThat(tokenizer.size()).isEqualTo(50277);
        assertThat(tokenizer.name()).isEqualTo("gpt2");
    }

    @Test
    void bytesThatAreNotUtf8AreReplaced() {
        assertThat(tokenizer.encode(new byte[]{'a', (byte) 0xFF})).isEqualTo(tokenizer.encode("a\uFFFD"));
    }

    @Test
    void aLongWordTakesNoQuadraticTime() {
        String word = "ab".repeat(200_000);
        assertThat(tokenizer.decode(tokenizer.encode(word))).isEqualTo(word);
    }
}
