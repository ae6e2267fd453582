package dev.rwkv4j.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.TestData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class GgufWriterTest {
    @TempDir
    Path directory;

    @Test
    void filesOfLlamaCppComeOutByteForByte() throws IOException {
        Path data = TestData.require("gguf");
        List<Path> files;
        try (Stream<Path> listing = Files.list(data)) {
            files = listing.filter(file -> file.toString().endsWith(".gguf")).toList();
        }
        assertThat(files).hasSizeGreaterThan(10);
        for (Path original : files) {
            Path copy = directory.resolve("copy.gguf");
            try (GgufFile file = GgufFile.open(original)) {
                GgufWriter writer = new GgufWriter().putAll(file.metadata());
                file.tensors().values().forEach(tensor -> add(writer, tensor));
                assertThat(writer.write(copy)).isEqualTo(Files.size(original));
            }
            assertThat(Files.mismatch(original, copy)).as("%s", original).isEqualTo(-1);
        }
    }

    private static void add(GgufWriter writer, GgufTensor tensor) {
        long[] dims = tensor.dims().stream().mapToLong(Long::longValue).toArray();
        writer.addTensor(tensor.name(), tensor.type(), dims, out -> out.write(tensor.data()));
    }

    @Test
    void whatIsWrittenIsRead() throws IOException {
        byte[] values = new byte[1_000_000 * 4 + 4];
        new Random(1).nextBytes(values);
        MemorySegment data = MemorySegment.ofArray(values);
        Path target = directory.resolve("new.gguf");
        new GgufWriter().putString("s", "ä\n").putUint32("u", 0xffff_ffffL).putFloat32("f", 64e-5f)
                .putBoolean("b", true).putStrings("l", List.of("", "x", "日本")).putInts("i", 1, -2, 3)
                .putUint32("u", 5)
                .addTensor("odd", GgmlType.F16, new long[]{3}, out -> out.write(MemorySegment.ofArray(new byte[6])))
                .addTensor("big", GgmlType.F32, new long[]{1_000_001}, out -> {
                    for (long done = 0; done < data.byteSize(); done += 777_777) {
                        out.write(data.asSlice(done, Math.min(777_777, data.byteSize() - done)));
                    }
                })
                .write(target);
        try (GgufFile file = GgufFile.open(target)) {
            GgufMetadata metadata = file.metadata();
            assertThat(metadata.keys()).containsExactly("s", "u", "f", "b", "l", "i");
            assertThat(metadata.getString("s")).isEqualTo("ä\n");
            assertThat(metadata.getLong("u")).isEqualTo(5);
            assertThat(metadata.getFloat("f")).isEqualTo(64e-5f);
            assertThat(metadata.getBoolean("b")).isTrue();
            assertThat(metadata.getStrings("l")).containsExactly("", "x", "日本");
            assertThat(metadata.getInts("i")).containsExactly(1, -2, 3);
            assertThat(file.tensors().keySet()).containsExactly("odd", "big");
            assertThat(file.tensor("big").data().toArray(JAVA_BYTE)).isEqualTo(values);
            assertThat(file.byteSize() % 32).isZero();
        }
        assertOnlyFile(target);
    }

    @Test
    void wrongLengthsAreRefusedAndLeaveNothing() throws IOException {
        Path target = Files.writeString(directory.resolve("model.gguf"), "older");
        for (int bytes : new int[]{0, 15, 17}) {
            GgufWriter writer = new GgufWriter().addTensor("t", GgmlType.F32, new long[]{4},
                    out -> out.write(MemorySegment.ofArray(new byte[bytes])));
            assertThatIllegalStateException().isThrownBy(() -> writer.write(target))
                    .withMessageContaining("16 bytes of tensor t");
        }
        assertThat(target).hasContent("older");
        assertOnlyFile(target);
    }

    @Test
    void failuresOfTheSourceLeaveNothing() throws IOException {
        Path target = Files.writeString(directory.resolve("model.gguf"), "older");
        GgufWriter unreadable = new GgufWriter().addTensor("t", GgmlType.F32, new long[]{4}, out -> {
            throw new IOException("the source is gone");
        });
        assertThatIOException().isThrownBy(() -> unreadable.write(target)).withMessage("the source is gone");
        GgufWriter broken = new GgufWriter().addTensor("t", GgmlType.F32, new long[]{4}, out -> {
            throw new OutOfMemoryError("planted");
        });
        assertThatThrownBy(() -> broken.write(target)).isInstanceOf(OutOfMemoryError.class);
        assertThat(target).hasContent("older");
        assertOnlyFile(target);
    }

    @Test
    void targetsThatCannotBe() {
        GgufWriter writer = new GgufWriter();
        assertThatIOException().isThrownBy(() -> writer.write(directory)).withMessageContaining("not a regular file");
        assertThatIOException().isThrownBy(() -> writer.write(directory.resolve("none/model.gguf")))
                .withMessageContaining("directory does not exist");
    }

    @Test
    void descriptionsThatCannotBe() {
        GgufWriter writer = new GgufWriter().addTensor("t", GgmlType.F32, new long[]{4}, out -> {
        });
        assertThatIllegalArgumentException()
                .isThrownBy(() -> writer.addTensor("t", GgmlType.F32, new long[]{4}, out -> {
                }));
        assertThatIllegalArgumentException().isThrownBy(() -> writer.addTensor("", GgmlType.F32, new long[]{4}, out -> {
        }));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> writer.addTensor("n".repeat(64), GgmlType.F32, new long[]{4}, out -> {
                }));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> writer.addTensor("a", GgmlType.Q4_K, new long[]{128}, out -> {
                }));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> writer.addTensor("a", GgmlType.F32, new long[]{4, 0}, out -> {
                }));
        assertThatIllegalArgumentException().isThrownBy(() -> writer.addTensor("a", GgmlType.F32, new long[0], out -> {
        }));
        assertThatIllegalArgumentException().isThrownBy(() -> writer.putUint32("k", -1));
        assertThatIllegalArgumentException().isThrownBy(() -> writer.putString("", "x"));
        assertThatIllegalArgumentException().isThrownBy(() -> writer.putUint32("general.alignment", 64));
        assertThatThrownBy(() -> writer.addTensor("a", GgmlType.F32, new long[]{1L << 62, 2}, out -> {
        }))
                .isInstanceOf(ArithmeticException.class);
    }

    /** A limit on the length of files fails as a full disk does: in the middle of a write. */
    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "needs ulimit -f of a POSIX shell")
    void aFailingDiskLeavesNothing() throws Exception {
        Path target = directory.resolve("large.gguf");
        Process process = run(List.of("sh", "-c", "ulimit -f 512; exec \"$0\" \"$@\""), LargeWrite.class, target);
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isEqualTo(1);
        assertThat(output).contains(target.toString()).contains("writing failed after");
        assertNoFile();
    }

    @Test
    void endingTheJvmDeletesTheTemporaryFile() throws Exception {
        Process process = run(List.of(), SlowWrite.class, directory.resolve("slow.gguf"));
        try {
            assertThat(process.getInputStream().read()).as("the writer has begun").isEqualTo('!');
            try (Stream<Path> files = Files.list(directory)) {
                assertThat(files).hasSize(1);
            }
            process.destroy();
            assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertNoFile();
    }

    private static Process run(List<String> prefix, Class<?> main, Path target) throws IOException {
        List<String> command = new ArrayList<>(prefix);
        command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                System.getProperty("java.class.path"), main.getName(), target.toString()));
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }

    /** Writes 4 MB. */
    static final class LargeWrite {
        private LargeWrite() {
        }

        public static void main(String[] arguments) {
            try {
                new GgufWriter().addTensor("t", GgmlType.F32, new long[]{1 << 20},
                        out -> out.write(MemorySegment.ofArray(new byte[4 << 20]))).write(Path.of(arguments[0]));
            } catch (IOException e) {
                System.out.println(e.getMessage());
                System.exit(1);
            }
        }
    }

    /** Writes for a minute, unless it is stopped. */
    static final class SlowWrite {
        private SlowWrite() {
        }

        public static void main(String[] arguments) throws IOException {
            new GgufWriter().addTensor("t", GgmlType.F32, new long[]{4}, out -> {
                System.out.print('!');
                System.out.flush();
                try {
                    TimeUnit.MINUTES.sleep(1);
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
            }).write(Path.of(arguments[0]));
        }
    }

    private void assertNoFile() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).isEmpty();
        }
    }

    private void assertOnlyFile(Path file) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(file);
        }
    }
}
