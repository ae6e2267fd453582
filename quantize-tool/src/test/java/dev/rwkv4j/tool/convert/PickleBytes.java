package dev.rwkv4j.tool.convert;

/** Makes pickles of protocol 2. */
final class PickleBytes {
    private final LittleEndian bytes = new LittleEndian().u1(0x80).u1(2);

    PickleBytes raw(int... opcodes) {
        for (int opcode : opcodes) {
            bytes.u1(opcode);
        }
        return this;
    }

    PickleBytes string(String value) {
        bytes.u1('X').i4(value.length()).text(value);
        return this;
    }

    PickleBytes integer(long value) {
        bytes.u1(0x8a).u1(8).i8(value);
        return this;
    }

    PickleBytes tuple(long... values) {
        bytes.u1('(');
        for (long value : values) {
            integer(value);
        }
        bytes.u1('t');
        return this;
    }

    PickleBytes global(String module, String name) {
        bytes.u1('c').text(module + "\n" + name + "\n");
        return this;
    }

    PickleBytes storage(String type, String key, long count) {
        raw('(').string("storage").global("torch", type).string(key).string("cuda:0").integer(count);
        return raw('t', 'Q');
    }

    PickleBytes tensor(String type, String key, long count, long offset, long[] size, long... strides) {
        global("torch._utils", "_rebuild_tensor_v2").raw('(').storage(type, key, count).integer(offset).tuple(size)
                .tuple(strides).raw(0x89);
        return emptyMap().raw('t', 'R');
    }

    PickleBytes emptyMap() {
        return global("collections", "OrderedDict").raw(')', 'R');
    }

    byte[] stop() {
        bytes.u1('.');
        return bytes.toByteArray();
    }
}
