package dev.rwkv4j.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names out of files reach messages and terminals, and must do no harm there. */
class PrintableTest {
    @TempDir
    private Path folder;

    @Test
    void whatPrintsStays() {
        String text = "blocks.0.att.key – Größe 値 🙂";
        assertThat(Printable.escape(text)).isSameAs(text);
        assertThat(Printable.name(text)).isEqualTo(text);
        assertThat(Printable.message(text)).isEqualTo(text);
    }

    @Test
    void whatDoesNotPrintIsEscaped() {
        assertThat(Printable.escape("\u001b[2J\n\0\u007f\u009b")).isEqualTo("\\u001b[2J\\u000a\\u0000\\u007f\\u009b");
        assertThat(Printable.escape("\u202egpj.exe\u2028\ud800")).isEqualTo("\\u202egpj.exe\\u2028\\ud800");
        assertThat(Printable.escape("\udb40\udc41")).isEqualTo("\\udb40\\udc41");
    }

    @Test
    void whatIsLongIsCut() {
        assertThat(Printable.name("n".repeat(5000))).isEqualTo("n".repeat(100) + "...");
        assertThat(Printable.message("begin " + "m".repeat(1 << 20) + " end")).startsWith("begin mmm")
                .endsWith("mmm end")
                .contains(" ... ").hasSizeLessThan(700);
    }

    @Test
    void messagesOfDamagedFilesAreEscapedAndCut() throws IOException {
        String key = "\u001b]0;title\u0007" + "k".repeat(1000);
        Path file = GgufBytes.header(3, 0, 1).key(key, 77).zeros(8).writeTo(folder.resolve("hostile.gguf"));
        assertThatThrownBy(() -> GgufFile.open(file)).isInstanceOf(GgufFormatException.class)
                .hasMessageContaining("\\u001b]0;title\\u0007kkk").hasMessageContaining("has the unknown type 77")
                .message().hasSizeLessThan(file.toString().length() + 700);
    }
}
