package dev.rwkv4j.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufEscapesTest {
    @Test
    void allPairsOfBytesComeBack() throws VocabularyException {
        for (int pair = 0; pair < 1 << 16; pair++) {
            byte[] token = {(byte) (pair >> 8), (byte) pair};
            assertThat(GgufEscapes.unescape(GgufEscapes.escape(token).getBytes(UTF_8))).isEqualTo(token);
        }
    }

    /** As other programs may spell them, too. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"a|61", "\\x4a\\x4A|4a4a", "\\\\x41|5c783431",
            "\\\\\\t\\n\\r|5c090a0d", "\\'\\q|2771", "日\\x80本|e697a580e69cac", "\\日|e697a5"})
    void spellingsStandForBytes(String spelling, String hexadecimal) throws VocabularyException {
        assertThat(GgufEscapes.unescape(spelling.getBytes(UTF_8))).asHexString().isEqualToIgnoringCase(hexadecimal);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\\", "a\\", "\\x", "\\x1", "\\x1g", "\\xé1", "\\x１1"})
    void escapesHaveToBeWhole(String spelling) {
        assertThatExceptionOfType(VocabularyException.class)
                .isThrownBy(() -> GgufEscapes.unescape(spelling.getBytes(UTF_8)));
    }
}
