package dev.rwkv4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TextAssemblerTest {
    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] hex(String hex) {
        return HexFormat.of().parseHex(hex);
    }

    @Test
    void charactersComeWhenTheyAreWhole() {
        TextAssembler assembler = new TextAssembler(List.of());
        assertThat(assembler.append(hex("61e4b8"))).isEqualTo("a");
        assertThat(assembler.append(new byte[0])).isEmpty();
        assertThat(assembler.append(hex("adf09f"))).isEqualTo("中");
        assertThat(assembler.append(hex("99"))).isEmpty();
        assertThat(assembler.append(hex("8262"))).isEqualTo("🙂b");
        assertThat(assembler.finish()).isEmpty();
    }

    @Test
    void bytesAreReplacedAsSoonAsTheyAreInvalid() {
        TextAssembler assembler = new TextAssembler(List.of());
        assertThat(assembler.append(hex("e4b8"))).isEmpty();
        assertThat(assembler.append(utf8("x"))).isEqualTo("\uFFFDx");
        assertThat(assembler.append(hex("80"))).isEqualTo("\uFFFD");
        assertThat(assembler.append(hex("c0"))).isEqualTo("\uFFFD");
        assertThat(assembler.append(hex("ed"))).isEmpty();
        assertThat(assembler.append(hex("a0"))).isEqualTo("\uFFFD\uFFFD");
        assertThat(assembler.append(hex("f0"))).isEmpty();
        assertThat(assembler.append(hex("e4"))).isEqualTo("\uFFFD");
        assertThat(assembler.finish()).isEqualTo("\uFFFD");
        assertThat(assembler.finish()).isEmpty();
    }

    @Test
    void saysWhetherItHoldsSomethingBack() {
        TextAssembler assembler = new TextAssembler(List.of("END"));
        assertThat(assembler.isHolding()).isFalse();
        assembler.append(hex("61e4b8"));
        assertThat(assembler.isHolding()).isTrue();
        assembler.append(hex("ad"));
        assertThat(assembler.isHolding()).isFalse();
        assembler.append(utf8("E"));
        assertThat(assembler.isHolding()).isTrue();
        assembler.finish();
        assertThat(assembler.isHolding()).isFalse();
    }

    @Test
    void aStopStringMayStraddleTokens() {
        TextAssembler assembler = new TextAssembler(List.of("\n\nUser:", "END"));
        assertThat(assembler.append(utf8("Hi.\n"))).isEqualTo("Hi.");
        assertThat(assembler.append(utf8("\nUs"))).isEmpty();
        assertThat(assembler.append(utf8("e it.\n\nU"))).isEqualTo("\n\nUse it.");
        assertThat(assembler.append(utf8("ser"))).isEmpty();
        assertThat(assembler.stop()).isEmpty();
        assertThat(assembler.append(utf8(": more"))).isEmpty();
        assertThat(assembler.stop()).contains("\n\nUser:");
        assertThat(assembler.append(utf8("text"))).isEmpty();
        assertThat(assembler.finish()).isEmpty();
    }

    @Test
    void whatWasHeldBackComesAtTheEnd() {
        TextAssembler assembler = new TextAssembler(List.of("END"));
        assertThat(assembler.append(utf8("the EN"))).isEqualTo("the ");
        assertThat(assembler.finish()).isEqualTo("EN");
    }

    @Test
    void theFirstOfSeveralStopStringsEndsTheText() {
        TextAssembler assembler = new TextAssembler(List.of("later", "now"));
        assertThat(assembler.append(utf8("go now or later"))).isEqualTo("go ");
        assertThat(assembler.stop()).contains("now");
    }

    @Test
    void anEndThatBecomesAStopStringIsOne() {
        TextAssembler assembler = new TextAssembler(List.of("\uFFFD"));
        assertThat(assembler.append(hex("61e4"))).isEqualTo("a");
        assertThat(assembler.finish()).isEmpty();
        assertThat(assembler.stop()).contains("\uFFFD");
    }

    @Test
    void piecesDoNotMatter() {
        Random random = new Random(4);
        String alphabet = "aab\nü中🙂";
        for (int i = 0; i < 2000; i++) {
            StringBuilder text = new StringBuilder();
            for (int k = random.nextInt(40); k > 0; k--) {
                int at = alphabet.offsetByCodePoints(0, random.nextInt(7));
                text.appendCodePoint(alphabet.codePointAt(at));
            }
            List<String> stops = List.of("aab", "\n中", "🙂🙂");
            int end = stops.stream().mapToInt(text::indexOf).filter(at -> at >= 0).min().orElse(text.length());
            byte[] bytes = utf8(text.toString());
            TextAssembler assembler = new TextAssembler(stops);
            StringBuilder found = new StringBuilder();
            for (int at = 0; at < bytes.length;) {
                int next = Math.min(bytes.length, at + 1 + random.nextInt(4));
                found.append(assembler.append(Arrays.copyOfRange(bytes, at, next)));
                assertThat(text.toString()).startsWith(found);
                at = next;
            }
            found.append(assembler.finish());
            assertThat(found.toString()).isEqualTo(text.substring(0, end));
            assertThat(assembler.stop().isPresent()).isEqualTo(end < text.length());
        }
    }

    @Test
    void anEmptyStopStringIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new TextAssembler(List.of("")));
    }
}
