package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.Printable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A checkpoint in several files: an index in JSON says which file beside it holds which tensor. Index and files have to
 * agree completely.
 */
final class ShardIndex {
    /** What Hugging Face calls a checkpoint in a folder, in the order of preference. */
    static final List<String> NAMES = List.of("model.safetensors.index.json", "model.safetensors",
            "pytorch_model.bin.index.json", "pytorch_model.bin");

    private static final int MAX_SHARDS = 1000;

    private final Path path;
    private final Map<String, String> files = new LinkedHashMap<>();

    private ShardIndex(Path path) {
        this.path = path;
    }

    /** A JSON object. It has no zero byte, and a safetensors file that begins with the same letter has. */
    static boolean recognises(MemorySegment file) {
        return CheckpointFile.first(file) == '{'
                && (file.byteSize() < Long.BYTES || file.get(ValueLayout.JAVA_BYTE, Long.BYTES - 1) != 0);
    }

    /** The checkpoint, or its index, in a folder. */
    static Path find(Path folder) throws IOException {
        for (String name : NAMES) {
            if (Files.exists(folder.resolve(name))) {
                return folder.resolve(name);
            }
        }
        throw new FileSystemException(folder.toString(), null, "is a directory that has no checkpoint in it: expected "
                + String.join(", ", NAMES.subList(0, NAMES.size() - 1)) + " or " + NAMES.getLast());
    }

    /**
     * Reads an index and all files that it names.
     *
     * @param path where the index is
     * @param index its content
     * @param arena unmaps the files
     * @throws CheckpointFormatException if index or files are damaged, don't agree, or the index names a file that lies
     *     anywhere but beside it
     * @throws IOException if a file can't be read
     */
    static CheckpointFile read(Path path, MemorySegment index, Arena arena) throws IOException {
        ShardIndex shards = new ShardIndex(path);
        StrictJson.read(path, "the index", index, shards::readIndex);
        return shards.readFiles(arena);
    }

    private void readIndex(StrictJson json) throws IOException {
        json.object(member -> {
            if (member.equals("weight_map")) {
                json.object(tensor -> files.put(tensor, json.string()));
            } else {
                json.skip();
            }
        });
        if (files.isEmpty()) {
            throw json.fail("has no weight_map");
        }
        long count = files.values().stream().distinct().count();
        if (count > MAX_SHARDS) {
            throw json.fail("names " + count + " files, more than the " + MAX_SHARDS + " that are supported");
        }
    }

    private CheckpointFile readFiles(Arena arena) throws IOException {
        Map<String, CheckpointTensor> tensors = new LinkedHashMap<>();
        Checkpoint.Container container = null;
        for (String name : files.values().stream().distinct().toList()) {
            Path file = sibling(name);
            CheckpointFile shard = CheckpointFile.read(file, CheckpointFile.map(file, arena));
            for (CheckpointTensor tensor : shard.tensors().values()) {
                if (!name.equals(files.get(tensor.name()))) {
                    throw new CheckpointFormatException(file, "tensor " + Printable.name(tensor.name())
                            + " is not where " + path.getFileName() + " says it is");
                }
            }
            tensors.putAll(shard.tensors());
            container = shard.container();
        }
        for (Map.Entry<String, String> entry : files.entrySet()) {
            if (!tensors.containsKey(entry.getKey())) {
                throw new CheckpointFormatException(path, "tensor " + Printable.name(entry.getKey())
                        + " is not in " + Printable.name(entry.getValue()));
            }
        }
        return new CheckpointFile(container, tensors);
    }

    /** Whoever wrote the index shall not choose files elsewhere. */
    private Path sibling(String name) throws CheckpointFormatException {
        if (!name.matches("[^/\\\\:]+") || !Printable.escape(name).equals(name) || name.equals(".")
                || name.equals("..")) {
            throw outside(name);
        }
        try {
            return path.resolveSibling(name);
        } catch (InvalidPathException e) {
            throw outside(name);
        }
    }

    private CheckpointFormatException outside(String name) {
        return new CheckpointFormatException(path, "the index names the file '" + Printable.name(name)
                + "', which is not a plain name of a file beside it");
    }
}
