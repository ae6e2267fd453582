package dev.rwkv4j.tool.convert;

import dev.rwkv4j.tool.convert.TinyModel.Values;
import java.util.Map;

/** Makes checkpoints as torch.save did before PyTorch 1.6. */
final class LegacyPthBytes {
    private static final byte[] MAGIC = {(byte) 0x80, 2, (byte) 0x8a, 10, 0x6c, (byte) 0xfc, (byte) 0x9c, 0x46,
            (byte) 0xf9, 0x20, 0x6a, (byte) 0xa8, 0x50, 0x19, '.'};

    private LegacyPthBytes() {
    }

    /** Float32 tensors, each with a storage of its own. */
    static byte[] of(Map<String, Values> tensors) {
        LittleEndian file = head(1001, true).raw(PthBytes.pickle(tensors).stop()).raw(keys(tensors.size()));
        tensors.values().forEach(values -> file.i8(values.data().length).floats(values.data()));
        return file.toByteArray();
    }

    /** What comes before the tensors. */
    static LittleEndian head(long protocol, boolean littleEndian) {
        PickleBytes machine = new PickleBytes().raw('}').string("little_endian").raw(littleEndian ? 0x88 : 0x89, 's');
        return new LittleEndian().raw(MAGIC).raw(new PickleBytes().integer(protocol).stop()).raw(machine.stop());
    }

    /** The keys of the storages: numbers, as text. */
    static byte[] keys(int count) {
        PickleBytes keys = new PickleBytes().raw(']', '(');
        for (int key = 0; key < count; key++) {
            keys.string(Integer.toString(key));
        }
        return keys.raw('e').stop();
    }
}
