package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.Printable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads the pickles in which PyTorch describes tensors, and nothing else. A pickle is a program that may call anything;
 * this reader knows only the operations and the callables that such files need, makes plain values of them and refuses
 * the rest, so that no file can have anything executed.
 *
 * <p>There is no recursion, and the number of values is limited, so neither depth nor cycles nor size can exhaust the
 * memory.
 */
final class TorchPickle {
    /** Numbers that are described by a pickle and lie elsewhere: {@code count} items under a key. */
    record Storage(TorchType type, String key, long count) {
    }

    /** A view of a storage; offset and strides in elements. */
    record Tensor(Storage storage, long offset, List<Long> size, List<Long> strides) {
    }

    /** Python's None. */
    enum None {
        NONE
    }

    /** Values that belong together and never change. */
    record Tuple(List<Object> items) {
    }

    private enum Callable {
        ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER
    }

    private enum Mark {
        MARK
    }

    /** Values and memo entries. The largest models have 2500 tensors, of some 40 values each. */
    private static final int MAX_VALUES = 1 << 19;

    private static final int MAX_PROTOCOL = 5;

    private static final int MAX_GLOBAL_BYTES = 200;

    private final FileCursor in;
    private final List<Object> stack = new ArrayList<>();
    private final Map<Integer, Object> memo = new HashMap<>();
    private final Map<String, Storage> storages = new LinkedHashMap<>();
    private int values;

    /** A reader of the pickle that begins at the position of a cursor. */
    TorchPickle(FileCursor in) {
        this.in = in;
    }

    /**
     * Reads one pickle; the cursor then stands behind it.
     *
     * @return a {@link Map}, {@link List}, {@link Tuple}, {@link Tensor}, {@link Storage}, {@link String}, {@link Long},
     *     {@link Double}, {@link Boolean} or {@link None}
     * @throws CheckpointFormatException if it is damaged, or holds anything else
     */
    Object read() throws CheckpointFormatException {
        while (true) {
            long at = in.position();
            int opcode = in.u1("an operation of the pickle");
            if (opcode == '.') {
                return finish(at);
            }
            try {
                execute(opcode);
            } catch (InvalidPickleException e) {
                throw in.fail(at, "the pickle " + e.getMessage());
            }
        }
    }

    /** All storages that the pickle refers to, by key. */
    Map<String, Storage> storages() {
        return storages;
    }

    /** What is wrong with the operation that is being executed. */
    private static final class InvalidPickleException extends Exception {
        private static final long serialVersionUID = 1L;

        InvalidPickleException(String problem) {
            super(problem);
        }
    }

    private Object finish(long at) throws CheckpointFormatException {
        if (stack.size() != 1 || stack.getFirst() == Mark.MARK) {
            throw in.fail(at, "the pickle ends with " + stack.size() + " values instead of one");
        }
        return stack.getFirst();
    }

    /** By the letters of Python's pickletools, those from protocol 2 on by number. */
    private void execute(int opcode) throws InvalidPickleException, CheckpointFormatException {
        switch (opcode) {
            case 0x80 -> checkProtocol(in.u1("a protocol number"));
            case '(' -> push(Mark.MARK);
            case '}' -> push(new LinkedHashMap<Object, Object>());
            case ']' -> push(new ArrayList<>());
            case ')' -> push(new Tuple(List.of()));
            case 't' -> push(new Tuple(popToMark()));
            case 0x85 -> push(new Tuple(pop(1)));
            case 0x86 -> push(new Tuple(pop(2)));
            case 0x87 -> push(new Tuple(pop(3)));
            case 's' -> setItems(pop(2));
            case 'u' -> setItems(popToMark());
            case 'a' -> append(pop(1));
            case 'e' -> append(popToMark());
            case 'X' -> push(string(in.u4("the length of a string")));
            case 0x8c -> push(string(in.u1("the length of a string")));
            case 'J' -> push((long) in.i4("an integer"));
            case 'K' -> push((long) in.u1("an integer"));
            case 'M' -> push((long) in.u2("an integer"));
            case 0x8a -> push(longInteger(in.u1("the length of an integer")));
            case 'G' -> push(Double.longBitsToDouble(Long.reverseBytes(in.i8("a float"))));
            case 'N' -> push(None.NONE);
            case 0x88 -> push(true);
            case 0x89 -> push(false);
            case 'q' -> memoize(in.u1("a memo number"));
            case 'r' -> memoize(in.i4("a memo number"));
            case 0x94 -> memoize(memo.size());
            case 'h' -> push(remembered(in.u1("a memo number")));
            case 'j' -> push(remembered(in.i4("a memo number")));
            case 'c' -> push(global(line(), line()));
            case 0x93 -> pushStackGlobal(pop(2));
            case 'Q' -> push(storage(pop()));
            case 'R' -> reduce(pop(2));
            case 'b' -> build(pop());
            case 0x95 -> in.skip(Long.BYTES, "the length of a frame");
            default -> throw new InvalidPickleException(String.format(
                    "has the operation 0x%02x, which files of tensors don't need", opcode));
        }
    }

    private static void checkProtocol(int protocol) throws InvalidPickleException {
        if (protocol > MAX_PROTOCOL) {
            throw new InvalidPickleException("is of protocol " + protocol + ", which is not known");
        }
    }

    private void count() throws InvalidPickleException {
        if (++values > MAX_VALUES) {
            throw new InvalidPickleException("has more than " + MAX_VALUES + " values");
        }
    }

    private void push(Object value) throws InvalidPickleException {
        count();
        stack.add(value);
    }

    private Object pop() throws InvalidPickleException {
        return pop(1).getFirst();
    }

    /** Takes away the last values. */
    private List<Object> pop(int count) throws InvalidPickleException {
        if (count > stack.size()) {
            throw new InvalidPickleException("needs " + count + " values where there are " + stack.size());
        }
        List<Object> tail = stack.subList(stack.size() - count, stack.size());
        List<Object> popped = List.copyOf(tail);
        tail.clear();
        if (popped.contains(Mark.MARK)) {
            throw new InvalidPickleException("has a mark where a value has to be");
        }
        return popped;
    }

    private List<Object> popToMark() throws InvalidPickleException {
        int mark = stack.lastIndexOf(Mark.MARK);
        if (mark < 0) {
            throw new InvalidPickleException("asks for a mark where there is none");
        }
        List<Object> items = pop(stack.size() - mark - 1);
        stack.removeLast();
        return items;
    }

    /** The last value, which stays. */
    private <T> T top(Class<T> type, String what) throws InvalidPickleException {
        if (stack.isEmpty() || !type.isInstance(stack.getLast()) || stack.getLast() == Mark.MARK) {
            throw new InvalidPickleException("changes something that is not " + what);
        }
        return type.cast(stack.getLast());
    }

    @SuppressWarnings("unchecked")
    private void append(List<Object> items) throws InvalidPickleException {
        top(List.class, "a list").addAll(items);
    }

    @SuppressWarnings("unchecked")
    private void setItems(List<Object> keysAndValues) throws InvalidPickleException {
        Map<Object, Object> map = top(Map.class, "a map");
        if (keysAndValues.size() % 2 != 0) {
            throw new InvalidPickleException("has a key without a value");
        }
        for (int i = 0; i < keysAndValues.size(); i += 2) {
            // Only keys that contain nothing: anything else could contain itself.
            if (!(keysAndValues.get(i) instanceof String) && !(keysAndValues.get(i) instanceof Long)) {
                throw new InvalidPickleException("has a map with keys that are neither strings nor integers");
            }
            if (map.put(keysAndValues.get(i), keysAndValues.get(i + 1)) != null) {
                throw new InvalidPickleException("has two entries named " + keysAndValues.get(i));
            }
        }
    }

    private String string(long bytes) throws CheckpointFormatException {
        return in.utf8((int) Math.min(bytes, Integer.MAX_VALUE), "a string");
    }

    private long longInteger(int bytes) throws InvalidPickleException, CheckpointFormatException {
        if (bytes > Long.BYTES) {
            throw new InvalidPickleException("has an integer of " + bytes + " bytes");
        }
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= (long) in.u1("an integer") << Byte.SIZE * i;
        }
        int unused = Long.SIZE - Byte.SIZE * bytes;
        return bytes == 0 ? 0 : value << unused >> unused;
    }

    private void memoize(int number) throws InvalidPickleException {
        count();
        memo.put(number, top(Object.class, "a value"));
    }

    private Object remembered(int number) throws InvalidPickleException {
        Object value = memo.get(number);
        if (value == null) {
            throw new InvalidPickleException("asks for memo " + Integer.toUnsignedString(number)
                    + ", which nothing was put into");
        }
        return value;
    }

    private String line() throws InvalidPickleException, CheckpointFormatException {
        StringBuilder line = new StringBuilder();
        for (int c = in.u1("a name"); c != '\n'; c = in.u1("a name")) {
            if (line.length() == MAX_GLOBAL_BYTES || c < ' ' || c > '~') {
                throw new InvalidPickleException("has a name that is none");
            }
            line.append((char) c);
        }
        return line.toString();
    }

    private void pushStackGlobal(List<Object> names) throws InvalidPickleException {
        if (!(names.get(0) instanceof String module) || !(names.get(1) instanceof String name)) {
            throw new InvalidPickleException("has a name that is none");
        }
        push(global(module, name));
    }

    private static Object global(String module, String name) throws InvalidPickleException {
        String qualified = module + "." + name;
        switch (qualified) {
            case "collections.OrderedDict" -> {
                return Callable.ORDERED_DICT;
            }
            case "torch._utils._rebuild_tensor_v2" -> {
                return Callable.REBUILD_TENSOR;
            }
            case "torch._utils._rebuild_parameter" -> {
                return Callable.REBUILD_PARAMETER;
            }
            default -> {
                return (module.equals("torch") ? TorchType.find(name) : Optional.<TorchType>empty())
                        .orElseThrow(() -> new InvalidPickleException("asks for " + Printable.name(qualified)
                                + ", which files of tensors don't need; nothing of it has been executed"));
            }
        }
    }

    /** {@code ("storage", type, key, location, count)}; the oldest files have a sixth item, None. */
    private Storage storage(Object id) throws InvalidPickleException {
        if (id instanceof Tuple(List<Object> items) && items.size() >= 5 && items.get(0).equals("storage")
                && items.get(1) instanceof TorchType type && items.get(2) instanceof String key
                && items.get(4) instanceof Long count && count >= 0
                && items.stream().skip(5).allMatch(None.NONE::equals)) {
            Storage storage = new Storage(type, key, count);
            storages.putIfAbsent(key, storage);
            return storage;
        }
        throw new InvalidPickleException("refers to something that is not a storage");
    }

    private void reduce(List<Object> callableAndArguments) throws InvalidPickleException {
        if (!(callableAndArguments.get(0) instanceof Callable callable)
                || !(callableAndArguments.get(1) instanceof Tuple(List<Object> arguments))) {
            throw new InvalidPickleException("calls something that can't be called");
        }
        push(switch (callable) {
            case ORDERED_DICT -> orderedDict(arguments);
            case REBUILD_TENSOR -> tensor(arguments);
            case REBUILD_PARAMETER -> parameter(arguments);
        });
    }

    private static Object orderedDict(List<Object> arguments) throws InvalidPickleException {
        if (!arguments.isEmpty()) {
            throw new InvalidPickleException("makes a map of something");
        }
        return new LinkedHashMap<Object, Object>();
    }

    /** {@code (storage, offset, size, strides, requires_grad, hooks[, metadata])}. */
    private static Tensor tensor(List<Object> arguments) throws InvalidPickleException {
        if (arguments.size() >= 4 && arguments.get(0) instanceof Storage storage
                && arguments.get(1) instanceof Long offset) {
            return new Tensor(storage, offset, integers(arguments.get(2)), integers(arguments.get(3)));
        }
        throw new InvalidPickleException("describes a tensor in another way than is known");
    }

    private static List<Long> integers(Object tuple) throws InvalidPickleException {
        if (tuple instanceof Tuple(List<Object> items) && items.stream().allMatch(Long.class::isInstance)) {
            return items.stream().map(Long.class::cast).toList();
        }
        throw new InvalidPickleException("has a shape that is no tuple of integers");
    }

    /** {@code (tensor, requires_grad, hooks)}. */
    private static Object parameter(List<Object> arguments) throws InvalidPickleException {
        if (!arguments.isEmpty() && arguments.getFirst() instanceof Tensor tensor) {
            return tensor;
        }
        throw new InvalidPickleException("makes a parameter of something that is not a tensor");
    }

    /** Attributes of a map, such as {@code _metadata}: not needed. */
    private void build(Object ignored) throws InvalidPickleException {
        top(Map.class, "a map");
    }
}
