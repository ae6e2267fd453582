package dev.rwkv4j.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.rwkv4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes as a GGUF file: all of it can be read, or it is refused with a message. */
class GgufFuzzTest {
    private static final Path FILE = Path.of("fuzz.gguf");

    static Stream<byte[]> seeds() {
        GgufBytes scalars = GgufBytes.header(2, 0, 5).key("a", 4).int32(7).key("b", 6).int32(0x3f800000)
                .key("c", 10).int64(-1).key("general.alignment", 4).int32(64).key("d", 7).raw(1);
        GgufBytes tokenizer = GgufBytes.header(3, 0, 3).key("tokenizer.ggml.model", 8).string("rwkv")
                .key("tokenizer.ggml.tokens", 9).int32(8).int64(2).string("<s>").string("\\x00")
                .key("tokenizer.ggml.token_type", 9).int32(5).int64(2).int32(3).int32(1);
        return Stream.of(GgufBytes.small(), scalars, tokenizer).map(GgufBytes::toByteArray);
    }

    @MethodSource("seeds")
    @FuzzTest(maxDuration = "3m")
    void header(byte[] content) throws IOException {
        try {
            GgufHeader header = GgufHeader.read(FILE, MemorySegment.ofArray(content));
            for (String key : header.metadata().keys()) {
                assertThat(header.metadata().get(key)).isNotNull();
            }
            header.tensors().values().forEach(tensor -> assertThat(tensor.data().byteSize()).isPositive());
            Tokenizer.of(header.metadata(), 2);
        } catch (GgufFormatException e) {
            assertThat(e).hasMessageStartingWith("fuzz.gguf: ");
        }
    }
}
