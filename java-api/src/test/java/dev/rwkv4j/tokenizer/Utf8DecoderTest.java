package dev.rwkv4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Utf8DecoderTest {
    private static String decode(byte[] bytes) {
        Utf8Decoder decoder = new Utf8Decoder();
        StringBuilder text = new StringBuilder();
        for (byte b : bytes) {
            decoder.decode(new byte[]{b}, text);
        }
        decoder.finish(text);
        return text.toString();
    }

    @Test
    void everyCharacterIsDecoded() {
        int decoded = 0;
        for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
            if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
                String text = Character.toString(c);
                decoded += decode(text.getBytes(StandardCharsets.UTF_8)).equals(text) ? 1 : 0;
            }
        }
        assertThat(decoded).isEqualTo(0x110000 - 0x800);
    }

    /** One U+FFFD (here {@code ?}) for each maximal part of a character: the examples of the Unicode Standard, 3.9. */
    @ParameterizedTest
    @CsvSource({"c0af e080bf f081 8241, ????????A", "eda080 edbfbf edaf41, ????????A",
            "f4919293 ff41 80bf42, ?????A??B",
            "e180 e2 f09192 f1bf41, ????A", "c3, ?", "c328, ?(", "e4b8ade4, 中?", "f09f99, ?", "e4b8e4b8ad, ?中",
            "80, ?", "f5, ?", "c1, ?"})
    void invalidBytesAreReplaced(String hex, String expected) {
        assertThat(decode(HexFormat.of().parseHex(hex.replace(" ", "")))).isEqualTo(expected.replace('?', '\uFFFD'));
    }
}
