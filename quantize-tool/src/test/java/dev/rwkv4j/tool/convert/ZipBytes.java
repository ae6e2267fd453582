package dev.rwkv4j.tool.convert;

import java.util.LinkedHashMap;
import java.util.Map;

/** Makes zip files as PyTorch does: stored, sizes only in the central directory, padded local headers. */
final class ZipBytes {
    private static final int SIZES_FOLLOW = 8;
    private static final int PADDING = 7;

    private final Map<String, byte[]> members = new LinkedHashMap<>();
    private boolean large;

    ZipBytes add(String name, byte[] data) {
        members.put(name, data);
        return this;
    }

    /** With all sizes and places in 64 bits, as in files above 4 GiB. */
    ZipBytes large() {
        large = true;
        return this;
    }

    byte[] build() {
        LittleEndian file = new LittleEndian();
        LittleEndian directory = new LittleEndian();
        members.forEach((name, data) -> {
            entry(directory, name, data.length, file.size());
            file.i4(0x04034b50).u2(0).u2(SIZES_FOLLOW).u2(0).i4(0).i4(0).i4(0).i4(0).u2(name.length()).u2(PADDING)
                    .text(name).raw(new byte[PADDING]).raw(data);
        });
        long start = file.size();
        file.raw(directory.toByteArray());
        long size = file.size() - start;
        if (large) {
            long end = file.size();
            file.i4(0x06064b50).i8(44).i4(0).i4(0).i4(0).i8(members.size()).i8(members.size()).i8(size).i8(start);
            file.i4(0x07064b50).i4(0).i8(end).i4(1);
            file.i4(0x06054b50).i4(0).i4(-1).i4(-1).i4(-1).u2(0);
        } else {
            file.i4(0x06054b50).i4(0).u2(members.size()).u2(members.size()).i4(size).i4(start).u2(0);
        }
        return file.toByteArray();
    }

    private void entry(LittleEndian directory, String name, long size, long offset) {
        directory.i4(0x02014b50).i4(0).u2(SIZES_FOLLOW).u2(0).i4(0).i4(0);
        directory.i4(large ? -1 : size).i4(large ? -1 : size).u2(name.length()).u2(large ? 34 : 0).u2(0).i8(0);
        directory.i4(large ? -1 : offset).text(name);
        if (large) {
            directory.u2(99).u2(2).u2(0).u2(1).u2(24).i8(size).i8(size).i8(offset);
        }
    }
}
