package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.Printable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;

/** Reads safetensors: the length of a header, the header in JSON, and the tensors, which fill the rest completely. */
final class SafetensorsReader {
    private static final int MAX_DIMENSIONS = 8;

    private static final int MAX_NAME_LENGTH = 255;

    private static final Map<String, ElementType> TYPES = Map.of("F64", ElementType.F64, "F32",
            ElementType.of(GgmlType.F32), "F16", ElementType.of(GgmlType.F16), "BF16", ElementType.of(GgmlType.BF16));

    private static final Set<String> INTEGERS = Set.of("I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL");

    private record Entry(String name, ElementType type, long[] shape, long begin, long end) {
    }

    private final Path path;
    private final FileCursor in;
    private final List<Entry> entries = new ArrayList<>();

    SafetensorsReader(Path path, MemorySegment file) {
        this.path = path;
        this.in = new FileCursor(path, file, 0, file.byteSize());
    }

    /** There is no magic number, but the header begins with a brace. */
    static boolean recognises(MemorySegment file) {
        return file.byteSize() > Long.BYTES && file.get(ValueLayout.JAVA_BYTE, Long.BYTES) == '{'
                && !ShardIndex.recognises(file);
    }

    /** Tensors by name, in the order of the header. */
    Map<String, CheckpointTensor> read() throws CheckpointFormatException {
        MemorySegment header = in.take(in.i8("the length of the header"), "the header");
        StrictJson.read(path, "the header", header, json -> json.object(name -> readMember(json, name)));
        checkRegions();
        Map<String, CheckpointTensor> tensors = new LinkedHashMap<>();
        MemorySegment data = in.take(in.left(), "the data");
        for (Entry entry : entries) {
            MemorySegment memory = data.asSlice(entry.begin, entry.end - entry.begin);
            tensors.put(entry.name,
                    CheckpointTensor.contiguous(path, entry.name, entry.type, memory, entry.shape));
        }
        return tensors;
    }

    private void readMember(StrictJson json, String name) throws IOException {
        if (name.equals("__metadata__")) {
            json.object(_ -> json.string());
            return;
        }
        if (name.isEmpty() || name.length() > MAX_NAME_LENGTH) {
            throw json.fail("has a name of " + name.length() + " characters, which is no tensor's");
        }
        entries.add(new Description(json, name).read());
    }

    /** What the header says about one tensor. */
    private final class Description {
        private final StrictJson json;
        private final String name;
        private String type;
        private long[] shape;
        private long[] offsets;

        Description(StrictJson json, String name) {
            this.json = json;
            this.name = name;
        }

        Entry read() throws IOException {
            json.object(this::readMember);
            if (type == null || shape == null || offsets == null) {
                throw fail("lacks its dtype, shape or data_offsets");
            }
            if (offsets.length != 2) {
                throw fail("has " + offsets.length + " data_offsets where two were expected");
            }
            Entry entry = new Entry(name, elementType(), shape, offsets[0], offsets[1]);
            if (entry.begin > entry.end || entry.end > in.left() || entry.end - entry.begin != bytes(entry)) {
                throw fail("of type " + type + " and shape " + LongStream.of(shape).boxed().toList()
                        + " can't lie from " + entry.begin + " to " + entry.end + " in " + in.left()
                        + " bytes of data; the file is damaged or incomplete");
            }
            return entry;
        }

        private void readMember(String member) throws IOException {
            switch (member) {
                case "dtype" -> type = json.string();
                case "shape" -> shape = json.integers(MAX_DIMENSIONS);
                case "data_offsets" -> offsets = json.integers(2);
                default -> throw fail("has the unknown member " + Printable.name(member));
            }
        }

        private ElementType elementType() throws CheckpointFormatException {
            ElementType known = TYPES.get(type);
            if (known == null) {
                throw fail(INTEGERS.contains(type)
                        ? "holds integers (" + type + "), not weights"
                        : "is of the unknown type " + Printable.name(type));
            }
            return known;
        }

        private long bytes(Entry entry) throws CheckpointFormatException {
            if (LongStream.of(shape).anyMatch(size -> size == 0)) {
                throw fail("has a dimension of 0");
            }
            try {
                return entry.type.bytes(LongStream.of(shape).reduce(1, Math::multiplyExact));
            } catch (ArithmeticException e) {
                throw fail("has an impossible shape");
            }
        }

        private CheckpointFormatException fail(String problem) {
            return new CheckpointFormatException(path, "tensor " + Printable.name(name) + " " + problem);
        }
    }

    /** Tensors fill the data from the first to the last byte. */
    private void checkRegions() throws CheckpointFormatException {
        List<Entry> sorted = new ArrayList<>(entries);
        sorted.sort(Comparator.comparingLong(Entry::begin));
        long end = 0;
        for (Entry entry : sorted) {
            if (entry.begin != end) {
                throw in.fail(in.position() + end, "tensor " + Printable.name(entry.name) + " begins at "
                        + entry.begin + " of the data, and what is before it ends at " + end);
            }
            end = entry.end;
        }
        if (end != in.left()) {
            throw in.fail(in.position() + end, "the tensors end at " + end + " of " + in.left() + " bytes of data");
        }
    }
}
