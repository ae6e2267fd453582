package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgmlType;
import java.util.Optional;

/** Element types of PyTorch's storages, by the name of their class. */
enum TorchType {
    FLOAT("FloatStorage", ElementType.of(GgmlType.F32)), HALF("HalfStorage", ElementType.of(GgmlType.F16)), BFLOAT16(
            "BFloat16Storage", ElementType.of(GgmlType.BF16)), DOUBLE("DoubleStorage",
                    ElementType.F64), CHAR("CharStorage", 1), BYTE("ByteStorage", 1), BOOL("BoolStorage",
                            1), SHORT("ShortStorage", 2), INT("IntStorage", 4), LONG("LongStorage", 8);

    private final String className;
    private final Optional<ElementType> elements;
    private final long itemBytes;

    TorchType(String className, ElementType elements) {
        this.className = className;
        this.elements = Optional.of(elements);
        this.itemBytes = elements.bytes(1);
    }

    TorchType(String className, int itemBytes) {
        this.className = className;
        this.elements = Optional.empty();
        this.itemBytes = itemBytes;
    }

    static Optional<TorchType> find(String className) {
        for (TorchType type : values()) {
            if (type.className.equals(className)) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }

    /** Nothing for integers, of which no weights are made. */
    Optional<ElementType> elements() {
        return elements;
    }

    long itemBytes() {
        return itemBytes;
    }

    @Override
    public String toString() {
        return className;
    }
}
