package dev.rwkv4j.tool.convert;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;

/** Reads what {@code torch.save} writes since PyTorch 1.6: a zip file with a pickle and the storages it refers to. */
final class PyTorchReader {
    private static final String PICKLE = "/data.pkl";

    /** That of the largest models has a tenth of this. */
    static final int MAX_PICKLE_BYTES = 1 << 23;

    private final Path path;
    private final ZipArchive zip;
    private final String folder;

    PyTorchReader(Path path, MemorySegment file) throws IOException {
        this.path = path;
        this.zip = ZipArchive.read(path, file);
        this.folder = findFolder();
    }

    /** Tensors by name, in the order of the file. */
    Map<String, CheckpointTensor> read() throws CheckpointFormatException {
        checkByteOrder();
        FileCursor cursor = zip.open(folder + PICKLE);
        if (cursor.left() > MAX_PICKLE_BYTES) {
            throw new CheckpointFormatException(path, folder + PICKLE + " has " + cursor.left()
                    + " bytes, more than the " + MAX_PICKLE_BYTES + " that are supported");
        }
        return new TorchTensors(path, storage -> zip.data(folder + "/data/" + storage.key()))
                .of(new TorchPickle(cursor).read());
    }

    private String findFolder() throws CheckpointFormatException {
        String found = null;
        for (String name : zip.names()) {
            if (name.endsWith(PICKLE)) {
                if (found != null) {
                    throw new CheckpointFormatException(path, "the zip file has two members .../data.pkl");
                }
                found = name.substring(0, name.length() - PICKLE.length());
            }
        }
        if (found == null) {
            throw new CheckpointFormatException(path,
                    "a zip file, but not one of PyTorch: it has no member .../data.pkl");
        }
        return found;
    }

    private void checkByteOrder() throws CheckpointFormatException {
        String member = folder + "/byteorder";
        if (zip.contains(member) && zip.data(member).mismatch(
                MemorySegment.ofArray("little".getBytes(StandardCharsets.US_ASCII))) >= 0) {
            throw new CheckpointFormatException(path, "only little-endian checkpoints are supported");
        }
    }
}
