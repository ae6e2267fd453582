package dev.rwkv4j.tool.convert;

import dev.rwkv4j.tool.convert.TorchPickle.Storage;
import dev.rwkv4j.tool.convert.TorchPickle.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tensors that a pickle of PyTorch describes, found in their storages, wherever those lie. */
final class TorchTensors {
    /** Where the items of a storage lie. */
    @FunctionalInterface
    interface Storages {
        /** All bytes that the file has for this storage. */
        MemorySegment data(Storage storage) throws CheckpointFormatException;
    }

    private static final int MAX_DIMENSIONS = 8;

    private static final int MAX_NAME_LENGTH = 255;

    /** What training code wraps a model's tensors in. */
    private static final List<String> WRAPPERS = List.of("state_dict", "model");

    /** What training code puts before the names of all tensors. */
    private static final List<String> PREFIXES = List.of("_forward_module.", "module.");

    private final Path path;
    private final Storages storages;

    TorchTensors(Path path, Storages storages) {
        this.path = path;
        this.storages = storages;
    }

    /** Tensors by name, in the order of the pickle, of the value that it holds. */
    Map<String, CheckpointTensor> of(Object top) throws CheckpointFormatException {
        Map<String, CheckpointTensor> tensors = new LinkedHashMap<>();
        for (Map.Entry<?, ?> entry : unwrap(top).entrySet()) {
            String name = withoutPrefix(String.valueOf(entry.getKey()));
            if (name.length() > MAX_NAME_LENGTH) {
                throw new CheckpointFormatException(path, "a name of " + name.length() + " characters is no tensor's");
            }
            if (tensors.put(name, tensor(name, entry.getValue())) != null) {
                throw new CheckpointFormatException(path, "two tensors are named " + name);
            }
        }
        return tensors;
    }

    private Map<?, ?> unwrap(Object top) throws CheckpointFormatException {
        if (!(top instanceof Map<?, ?> map)) {
            throw new CheckpointFormatException(path, "this is not a map of tensors by name");
        }
        for (String wrapper : WRAPPERS) {
            if (map.get(wrapper) instanceof Map<?, ?> wrapped) {
                return wrapped;
            }
        }
        return map;
    }

    private static String withoutPrefix(String name) {
        String rest = name;
        for (String prefix : PREFIXES) {
            if (rest.startsWith(prefix)) {
                rest = rest.substring(prefix.length());
            }
        }
        return rest;
    }

    private CheckpointTensor tensor(String name, Object value) throws CheckpointFormatException {
        if (name.equals("_strategy") || name.equals("_version")) {
            throw new CheckpointFormatException(path, "the entry " + name + " says that the rwkv package has converted "
                    + "this file for one of its strategies; convert the original checkpoint instead");
        }
        if (!(value instanceof Tensor tensor)) {
            throw new CheckpointFormatException(path, "the entry " + name + " is not a tensor");
        }
        Storage storage = tensor.storage();
        ElementType type = storage.type().elements().orElseThrow(() -> new CheckpointFormatException(path,
                "tensor " + name + " holds integers (" + storage.type() + "), not weights"));
        try {
            checkExtent(name, tensor);
        } catch (ArithmeticException e) {
            throw new CheckpointFormatException(path, "tensor " + name + " has an impossible shape");
        }
        MemorySegment memory = storage(name, storage).asSlice(type.bytes(tensor.offset()));
        return CheckpointTensor.strided(path, name, type, memory, array(tensor.size()), array(tensor.strides()));
    }

    private static long[] array(List<Long> values) {
        return values.stream().mapToLong(Long::longValue).toArray();
    }

    /** All numbers lie between 0 and 2⁶³ here or an ArithmeticException is thrown. */
    private void checkExtent(String name, Tensor tensor) throws CheckpointFormatException {
        List<Long> size = tensor.size();
        List<Long> strides = tensor.strides();
        if (size.size() != strides.size() || size.size() > MAX_DIMENSIONS || tensor.offset() < 0
                || size.stream().anyMatch(n -> n <= 0) || strides.stream().anyMatch(n -> n < 0)) {
            throw new CheckpointFormatException(path, "tensor " + name + " has an impossible shape");
        }
        long elements = 1;
        long last = tensor.offset();
        for (int i = 0; i < size.size(); i++) {
            elements = Math.multiplyExact(elements, size.get(i));
            last = Math.addExact(last, Math.multiplyExact(size.get(i) - 1, strides.get(i)));
        }
        if (last >= tensor.storage().count() || elements > tensor.storage().count()) {
            throw new CheckpointFormatException(path, "tensor " + name + " is larger than its storage of "
                    + tensor.storage().count() + " elements");
        }
    }

    private MemorySegment storage(String name, Storage storage) throws CheckpointFormatException {
        MemorySegment data = storages.data(storage);
        if (storage.count() > data.byteSize() / storage.type().itemBytes()) {
            throw new CheckpointFormatException(path, "the storage of tensor " + name + " has " + data.byteSize()
                    + " bytes, too few for " + storage.count() + " elements (" + storage.type() + ")");
        }
        return data;
    }
}
