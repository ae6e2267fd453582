package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LegacyPyTorchReaderTest {
    private final Map<String, Values> model = TinyModel.of("4");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"4", "5.0", "7"})
    void meansWhatTheZipFileMeans(String version) throws IOException {
        assertThat(Conversions.values(folder, LegacyPthBytes.of(TinyModel.of(version)))).usingRecursiveComparison()
                .isEqualTo(Conversions.values(folder, PthBytes.of(TinyModel.of(version))));
    }

    @Test
    void otherFilesAreRefused() {
        refused(LegacyPthBytes.head(1000, true), "protocol of this old PyTorch file is not 1001");
        refused(LegacyPthBytes.head(1001, false), "little-endian");
        LittleEndian noList = LegacyPthBytes.head(1001, true).raw(PthBytes.pickle(model).stop());
        refused(noList.raw(new PickleBytes().integer(1).stop()), "no list");
    }

    @Test
    void storagesHaveToBeThoseOfThePickle() {
        int emb = model.get("emb.weight").data().length;
        refused(storages(1).i8(emb + 1), "storage 0 has 129 items, and the tensors know 128");
        refused(storages(1).i8(-1), "storage 0 has -1 items");
        refused(storages(1).i8(emb).floats(new float[emb - 1]),
                "storage 0 of 128 items (FloatStorage) is not complete");
        refused(storages(1).i8(emb).floats(new float[emb]), "storage 1 is missing");
        refused(storages(1).i8(emb).floats(new float[emb]).u1(0), "something behind the last storage");
        refused(storages(model.size() + 1).raw(data()).i8(0), "know no such storage");
    }

    private LittleEndian storages(int count) {
        return LegacyPthBytes.head(1001, true).raw(PthBytes.pickle(model).stop()).raw(LegacyPthBytes.keys(count));
    }

    private byte[] data() {
        LittleEndian data = new LittleEndian();
        model.values().forEach(values -> data.i8(values.data().length).floats(values.data()));
        return data.toByteArray();
    }

    private void refused(LittleEndian file, String problem) {
        assertThatThrownBy(() -> Conversions.values(folder, file.toByteArray()))
                .isInstanceOf(CheckpointFormatException.class).hasMessageContaining(problem)
                .hasMessageStartingWith(folder.toString());
    }
}
