package dev.rwkv4j.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.RwkvState;
import dev.rwkv4j.StateFormatException;
import dev.rwkv4j.testdata.SmallModels;
import dev.rwkv4j.tool.random.ModelShape.Version;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class StateTest {
    private static final int HEADER_BYTES = 64;

    @TempDir
    private Path folder;
    private RwkvModel model;
    private RwkvState state;
    private Path file;

    @BeforeEach
    void saveAState() throws IOException {
        model = RwkvModel.load(SmallModels.write(folder, Version.V7));
        try (RwkvSession session = model.newSession()) {
            session.feed("a text");
            state = session.state();
        }
        file = folder.resolve("text.state");
        state.save(file);
    }

    @AfterEach
    void close() {
        model.close();
    }

    @ParameterizedTest
    @EnumSource(Version.class)
    void aLoadedStateIsTheSaved(Version version) throws IOException {
        try (RwkvModel other = RwkvModel.load(SmallModels.write(folder.resolve("other.gguf"), version, 256, 7));
                RwkvSession session = other.newSession()) {
            session.feed("some text");
            try (RwkvState saved = session.state()) {
                saved.save(file);
                session.feed(1);
                try (RwkvState loaded = RwkvState.load(other, file); RwkvSession second = other.newSession()) {
                    assertThat(loaded.toArray()).isEqualTo(saved.toArray());
                    assertThat(loaded.position()).isEqualTo(9);
                    second.restore(loaded);
                    second.feed(1);
                    assertThat(second.logits()).isEqualTo(session.logits());
                }
            }
        }
    }

    @Test
    void hasTheDescribedLength() throws IOException {
        assertThat(Files.size(file)).isEqualTo(HEADER_BYTES + model.info().stateBytes() + 4);
    }

    @Test
    void severalStatesFitInOneStream() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        state.save(out);
        try (RwkvState fresh = model.newState()) {
            fresh.save(out);
            ByteArrayInputStream in = new ByteArrayInputStream(out.toByteArray());
            try (RwkvState first = RwkvState.load(model, in); RwkvState second = RwkvState.load(model, in)) {
                assertThat(first.toArray()).isEqualTo(state.toArray());
                assertThat(second.toArray()).isEqualTo(fresh.toArray());
                assertThat(second.position()).isZero();
            }
        }
    }

    @Test
    void isLoadedByAnEqualModelOnly() throws IOException {
        Path copy = Files.copy(folder.resolve("small-7.gguf"), folder.resolve("copy.gguf"));
        try (RwkvModel equal = RwkvModel.load(copy); RwkvState loaded = RwkvState.load(equal, file)) {
            assertThat(loaded.toArray()).isEqualTo(state.toArray());
        }
        Path different = SmallModels.write(folder.resolve("different.gguf"), Version.V7, 256, 2);
        try (RwkvModel other = RwkvModel.load(different)) {
            assertThatThrownBy(() -> RwkvState.load(other, file))
                    .isInstanceOf(StateFormatException.class)
                    .hasMessageContainingAll("text.state", "another model", other.info().fingerprint());
        }
    }

    @ParameterizedTest
    @CsvSource({"0,RWKV4JST", "7,RWKV4JST", "8,version", "12,byte 12", "16,another model", "47,another model",
            "48,checksum", "55,position", "56,floats", "63,floats", "64,checksum", "1000,checksum"})
    void everyDamageIsNoticed(int offset, String message) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[offset] ^= (byte) 0x81;
        Files.write(file, bytes);
        assertThatThrownBy(() -> RwkvState.load(model, file))
                .isInstanceOf(StateFormatException.class)
                .hasMessageContainingAll("text.state", message);
    }

    @Test
    void everyTruncationIsNoticed() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        for (int length : new int[]{0, 1, 63, 64, 65, bytes.length - 5, bytes.length - 4, bytes.length - 1}) {
            Files.write(file, Arrays.copyOf(bytes, length));
            assertThatThrownBy(() -> RwkvState.load(model, file))
                    .isInstanceOf(StateFormatException.class)
                    .hasMessageContainingAll("text.state", "not complete");
        }
        Files.write(file, Arrays.copyOf(bytes, bytes.length + 1));
        assertThatThrownBy(() -> RwkvState.load(model, file))
                .isInstanceOf(StateFormatException.class)
                .hasMessageContainingAll("text.state", "behind the end");
    }

    @Test
    void savingThatFailsLeavesNothing() {
        assertThatThrownBy(() -> state.save(folder.resolve("absent").resolve("x.state")))
                .isInstanceOf(NoSuchFileException.class);
        assertThatThrownBy(() -> RwkvState.load(model, folder.resolve("absent.state")))
                .isInstanceOf(NoSuchFileException.class);
        float[] before = state.toArray();
        state.close();
        Path target = folder.resolve("closed.state");
        assertThatThrownBy(() -> state.save(target)).isInstanceOf(IllegalStateException.class);
        assertThat(target).doesNotExist();
        assertThat(before).isNotEmpty();
    }

    @Test
    void isAValue() {
        try (RwkvState copy = state.copy()) {
            float[] values = copy.toArray();
            assertThat(values).isEqualTo(state.toArray());
            assertThat(copy.position()).isEqualTo(state.position()).isEqualTo(6);
            values[3] += 1;
            copy.set(values);
            assertThat(copy.toArray()).isEqualTo(values);
            assertThat(state.toArray()).isNotEqualTo(values);
        }
    }

    @Test
    void takesFiniteNumbersOnly() {
        float[] values = state.toArray();
        float[] bad = values.clone();
        bad[5] = Float.NaN;
        assertThatThrownBy(() -> state.set(bad)).isInstanceOf(IllegalArgumentException.class);
        assertThat(state.toArray()).isEqualTo(values);
        assertThatThrownBy(() -> state.set(new float[3]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("3", Integer.toString(values.length));
    }

    @Test
    void belongsToItsModel() throws IOException {
        try (RwkvModel twin = RwkvModel.load(folder.resolve("small-7.gguf")); RwkvSession session = twin.newSession()) {
            assertThatThrownBy(() -> session.restore(state))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("another model");
        }
    }
}
