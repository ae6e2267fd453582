package dev.rwkv4j;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes as a saved state: it is read, or refused with a message. */
class StateFuzzTest {
    private static final String FINGERPRINT = "0123456789abcdef".repeat(4);

    static Stream<byte[]> seeds() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        StateFormat.write(out, new StateFormat.Header(FINGERPRINT, 7), floats());
        return Stream.of(out.toByteArray());
    }

    private static MemorySegment floats() {
        return MemorySegment.ofArray(new float[]{1, 2, 3});
    }

    @MethodSource("seeds")
    @FuzzTest(maxDuration = "3m")
    void state(byte[] content) throws IOException {
        read(content);
        read(withRightChecksum(content));
    }

    private static void read(byte[] content) throws IOException {
        try {
            long position = StateFormat.read(new ByteArrayInputStream(content), "state", FINGERPRINT, floats());
            assertThat(position).isNotNegative();
        } catch (StateFormatException e) {
            assertThat(e).hasMessageStartingWith("state: ");
        }
    }

    /** What a fuzzer would not find in the lifetime of the universe. */
    private static byte[] withRightChecksum(byte[] content) {
        if (content.length < Integer.BYTES) {
            return content;
        }
        byte[] changed = Arrays.copyOf(content, content.length);
        CRC32C checksum = new CRC32C();
        checksum.update(changed, 0, changed.length - Integer.BYTES);
        ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN)
                .putInt(changed.length - Integer.BYTES, (int) checksum.getValue());
        return changed;
    }
}
