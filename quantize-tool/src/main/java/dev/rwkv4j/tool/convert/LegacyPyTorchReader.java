package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.Printable;
import dev.rwkv4j.tool.convert.TorchPickle.Storage;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads what {@code torch.save} wrote before PyTorch 1.6: five pickles in a row, a magic number, a protocol number, what
 * kind of machine it was, the tensors and the keys of their storages, and then the storages in the order of the keys.
 */
final class LegacyPyTorchReader {
    /** The first pickle: the integer 0x1950a86a20f9469cfc6c. */
    static final byte[] MAGIC = {(byte) 0x80, 2, (byte) 0x8a, 10, 0x6c, (byte) 0xfc, (byte) 0x9c, 0x46, (byte) 0xf9,
            0x20, 0x6a, (byte) 0xa8, 0x50, 0x19, '.'};

    private static final long PROTOCOL = 1001;

    private final Path path;
    private final MemorySegment file;
    private final Map<String, MemorySegment> data = new HashMap<>();
    private FileCursor in;

    LegacyPyTorchReader(Path path, MemorySegment file) {
        this.path = path;
        this.file = file;
        long end = Math.min(file.byteSize(), PyTorchReader.MAX_PICKLE_BYTES);
        this.in = new FileCursor(path, file, MAGIC.length, end);
    }

    /** Tensors by name, in the order of the file. */
    Map<String, CheckpointTensor> read() throws CheckpointFormatException {
        if (!Long.valueOf(PROTOCOL).equals(new TorchPickle(in).read())) {
            throw new CheckpointFormatException(path, "the protocol of this old PyTorch file is not " + PROTOCOL);
        }
        if (!(new TorchPickle(in).read() instanceof Map<?, ?> machine)
                || !Boolean.TRUE.equals(machine.get("little_endian"))) {
            throw new CheckpointFormatException(path, "only little-endian checkpoints are supported");
        }
        TorchPickle pickle = new TorchPickle(in);
        Object top = pickle.read();
        readStorages(new TorchPickle(in).read(), pickle.storages());
        return new TorchTensors(path, this::data).of(top);
    }

    private void readStorages(Object keys, Map<String, Storage> storages) throws CheckpointFormatException {
        if (!(keys instanceof List<?> list)) {
            throw new CheckpointFormatException(path, in.position(), "the keys of the storages are no list");
        }
        in = new FileCursor(path, file, in.position(), file.byteSize());
        for (Object key : list) {
            long at = in.position();
            Storage storage = key instanceof String ? storages.get(key) : null;
            long count = in.i8("the size of a storage");
            if (storage == null || storage.count() != count) {
                throw in.fail(at, "storage " + Printable.name(String.valueOf(key)) + " has " + count
                        + " items, and the tensors know "
                        + (storage == null ? "no such storage" : storage.count() + " of them"));
            }
            if (count > in.left() / storage.type().itemBytes()) {
                throw in.fail(at, "storage " + storage.key() + " of " + count + " items (" + storage.type()
                        + ") is not complete; the file is damaged or incomplete");
            }
            data.put(storage.key(), in.take(count * storage.type().itemBytes(), "a storage"));
        }
        if (in.left() > 0) {
            throw in.fail(in.position(), "there is something behind the last storage");
        }
    }

    private MemorySegment data(Storage storage) throws CheckpointFormatException {
        MemorySegment found = data.get(storage.key());
        if (found == null) {
            throw new CheckpointFormatException(path, "storage " + Printable.name(storage.key()) + " is missing");
        }
        return found;
    }
}
