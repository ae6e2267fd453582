package dev.rwkv4j.tool.convert;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The members of a zip file as PyTorch writes it: stored, never compressed, so that they can be used where they lie in
 * the mapped file. Sizes and places come from the central directory; zip64 is understood.
 */
final class ZipArchive {
    static final byte[] MAGIC = {'P', 'K', 3, 4};

    private static final int LOCAL_HEADER = 0x04034b50;
    private static final int DIRECTORY_ENTRY = 0x02014b50;
    private static final int END = 0x06054b50;
    private static final int END_64 = 0x06064b50;
    private static final int END_64_LOCATOR = 0x07064b50;

    private static final int LOCAL_HEADER_BYTES = 30;
    private static final int END_BYTES = 22;
    private static final int END_64_LOCATOR_BYTES = 20;
    private static final int MAX_COMMENT_BYTES = 0xffff;
    private static final int EXTRA_64 = 1;
    private static final int ENCRYPTED = 1;
    private static final int MOST_16 = 0xffff;
    private static final long MOST_32 = 0xffff_ffffL;

    // What one file may make a small heap hold. The largest models have some 2500 tensors.
    private static final int MAX_MEMBERS = 1 << 16;
    private static final int MAX_DIRECTORY_BYTES = 1 << 23;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private record Member(int flags, int method, long packedSize, long size, long headerOffset) {
    }

    private record Directory(long count, long size, long offset) {
    }

    private final Path path;
    private final MemorySegment file;
    private final Map<String, Member> members = new LinkedHashMap<>();

    private ZipArchive(Path path, MemorySegment file) {
        this.path = path;
        this.file = file;
    }

    static ZipArchive read(Path path, MemorySegment file) throws IOException {
        ZipArchive archive = new ZipArchive(path, file);
        archive.readMembers(archive.findDirectory());
        if (file.isMapped()) {
            archive.fetchLocalHeaders();
        }
        return archive;
    }

    /**
     * Lets the operating system read each local header by itself. They lie all over the file, and where one is first touched
     * in the mapping, megabytes around it are read, so that it would be the whole file, in pieces, before it is converted.
     */
    private void fetchLocalHeaders() throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer header = ByteBuffer.allocate(LOCAL_HEADER_BYTES);
            for (Member member : members.values()) {
                if (member.headerOffset >= 0) {
                    channel.read(header.clear(), member.headerOffset);
                }
            }
        }
    }

    /** Names of all members, in the order of the central directory. */
    Iterable<String> names() {
        return Collections.unmodifiableSet(members.keySet());
    }

    boolean contains(String name) {
        return members.containsKey(name);
    }

    /** Reads the content of a member. */
    FileCursor open(String name) throws CheckpointFormatException {
        long begin = begin(name);
        return new FileCursor(path, file, begin, begin + members.get(name).size);
    }

    /** The content of a member, where it lies in the file. */
    MemorySegment data(String name) throws CheckpointFormatException {
        return file.asSlice(begin(name), members.get(name).size);
    }

    private long begin(String name) throws CheckpointFormatException {
        Member member = members.get(name);
        if (member == null) {
            throw new CheckpointFormatException(path, "there is no member " + name + " in this zip file");
        }
        if (member.method != 0 || (member.flags & ENCRYPTED) != 0 || member.packedSize != member.size) {
            throw new CheckpointFormatException(path, member.headerOffset, "member " + name
                    + " is compressed or encrypted, which PyTorch never does; unpack the archive and save it again "
                    + "with torch.save");
        }
        FileCursor cursor = cursor(member.headerOffset, "the local header of " + name);
        if (cursor.i4("a local header") != LOCAL_HEADER) {
            throw cursor.fail(member.headerOffset, "there is no local header of member " + name);
        }
        cursor.skip(22, "a local header");
        int nameBytes = cursor.u2("a local header");
        int extraBytes = cursor.u2("a local header");
        cursor.skip(nameBytes + extraBytes, "a local header");
        long begin = cursor.position();
        cursor.skip(member.size, "member " + name);
        return begin;
    }

    private FileCursor cursor(long offset, String what) throws CheckpointFormatException {
        if (offset < 0 || offset > file.byteSize()) {
            throw new CheckpointFormatException(path, what + " is said to be at byte " + Long.toUnsignedString(offset)
                    + " of " + file.byteSize() + "; the file is damaged or incomplete");
        }
        return new FileCursor(path, file, offset, file.byteSize());
    }

    private Directory findDirectory() throws CheckpointFormatException {
        long end = findEnd();
        FileCursor cursor = cursor(end + 10, "the end of the zip directory");
        Directory directory = new Directory(cursor.u2("the number of members"), cursor.u4("the size of the directory"),
                cursor.u4("the place of the directory"));
        boolean large = directory.count == MOST_16 || directory.size == MOST_32 || directory.offset == MOST_32;
        return large ? findDirectory64(end) : directory;
    }

    /** It is the last thing in the file, but for a comment that PyTorch does not write. */
    private long findEnd() throws CheckpointFormatException {
        long first = Math.max(0, file.byteSize() - END_BYTES - MAX_COMMENT_BYTES);
        for (long at = file.byteSize() - END_BYTES; at >= first; at--) {
            if (file.get(INT, at) == END) {
                return at;
            }
        }
        throw new CheckpointFormatException(path,
                "the directory at the end of the zip file is missing; the file is damaged or incomplete");
    }

    private Directory findDirectory64(long end) throws CheckpointFormatException {
        FileCursor locator = cursor(end - END_64_LOCATOR_BYTES, "the zip64 locator");
        if (locator.i4("the zip64 locator") != END_64_LOCATOR) {
            throw locator.fail(end - END_64_LOCATOR_BYTES, "the zip64 locator is missing");
        }
        locator.skip(4, "the zip64 locator");
        long at = locator.i8("the zip64 locator");
        FileCursor cursor = cursor(at, "the end of the zip64 directory");
        if (cursor.i4("the end of the zip64 directory") != END_64) {
            throw cursor.fail(at, "the end of the zip64 directory is missing");
        }
        cursor.skip(28, "the end of the zip64 directory");
        return new Directory(cursor.i8("the number of members"), cursor.i8("the size of the directory"),
                cursor.i8("the place of the directory"));
    }

    private void readMembers(Directory directory) throws CheckpointFormatException {
        if (directory.count < 0 || directory.count > MAX_MEMBERS || directory.size < 0
                || directory.size > MAX_DIRECTORY_BYTES) {
            throw new CheckpointFormatException(path,
                    "a zip directory of " + Long.toUnsignedString(directory.count) + " members in "
                            + Long.toUnsignedString(directory.size) + " bytes is larger than the " + MAX_MEMBERS
                            + " members in " + MAX_DIRECTORY_BYTES + " bytes that are supported");
        }
        FileCursor start = cursor(directory.offset, "the zip directory");
        MemorySegment ignored = start.take(directory.size, "the zip directory");
        FileCursor cursor = new FileCursor(path, file, directory.offset, directory.offset + ignored.byteSize());
        for (long i = 0; i < directory.count; i++) {
            readMember(cursor);
        }
    }

    private void readMember(FileCursor cursor) throws CheckpointFormatException {
        long at = cursor.position();
        String what = "an entry of the zip directory";
        if (cursor.i4(what) != DIRECTORY_ENTRY) {
            throw cursor.fail(at, "there is no entry of the zip directory");
        }
        cursor.skip(4, what);
        int flags = cursor.u2(what);
        int method = cursor.u2(what);
        cursor.skip(8, what);
        long packedSize = cursor.u4(what);
        long size = cursor.u4(what);
        int nameBytes = cursor.u2(what);
        int extraBytes = cursor.u2(what);
        int commentBytes = cursor.u2(what);
        cursor.skip(8, what);
        long headerOffset = cursor.u4(what);
        String name = cursor.utf8(nameBytes, "the name of a zip member");
        long extra = cursor.position();
        cursor.skip(extraBytes + commentBytes, what);
        Member member = large(new FileCursor(path, file, extra, extra + extraBytes),
                new Member(flags, method, packedSize, size, headerOffset));
        if (members.put(name, member) != null) {
            throw cursor.fail(at, "two zip members are named " + name);
        }
    }

    /** What does not fit into 32 bits stands in an extra field, in a fixed order. */
    private static Member large(FileCursor extra, Member member) throws CheckpointFormatException {
        while (extra.left() >= 4) {
            int id = extra.u2("an extra field");
            int bytes = extra.u2("an extra field");
            if (id != EXTRA_64) {
                extra.skip(bytes, "an extra field");
                continue;
            }
            long size = member.size == MOST_32 ? extra.i8("a zip64 size") : member.size;
            long packedSize = member.packedSize == MOST_32 ? extra.i8("a zip64 size") : member.packedSize;
            long offset = member.headerOffset == MOST_32 ? extra.i8("a zip64 offset") : member.headerOffset;
            return new Member(member.flags, member.method, packedSize, size, offset);
        }
        return member;
    }
}
