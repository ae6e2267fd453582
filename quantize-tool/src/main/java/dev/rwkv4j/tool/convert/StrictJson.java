package dev.rwkv4j.tool.convert;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import dev.rwkv4j.gguf.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/**
 * JSON that others wrote, read piece by piece: no more of it is held than one name or string. Nothing but JSON by the
 * letter of RFC 8259 is accepted, and no object with two members of one name.
 */
final class StrictJson {
    /** More makes a name or string that could exhaust a small heap. */
    static final int MAX_BYTES = 1 << 23;

    /** As many as a checkpoint may have tensors. */
    private static final int MAX_MEMBERS = 1 << 16;

    private static final int MAX_DIGITS = 19;

    /** What one member of an object, with its value, means. */
    @FunctionalInterface
    interface Member {
        /** Reads the value, all of it. */
        void read(String name) throws IOException;
    }

    private final Path path;
    private final String what;
    private final JsonReader json;

    private StrictJson(Path path, String what, JsonReader json) {
        this.path = path;
        this.what = what;
        this.json = json;
    }

    /** Reads a document. */
    @FunctionalInterface
    interface Document {
        /** Reads the one value that the document consists of. */
        void read(StrictJson json) throws IOException;
    }

    /**
     * Reads a text that has to be one JSON value, and may have white space around it.
     *
     * @param path named in messages
     * @param what the text is, for messages
     * @param text at most {@link #MAX_BYTES}
     * @throws CheckpointFormatException if it isn't, or whatever {@code document} throws
     */
    static void read(Path path, String what, MemorySegment text, Document document) throws CheckpointFormatException {
        if (text.byteSize() > MAX_BYTES) {
            throw new CheckpointFormatException(path, what + " has " + text.byteSize() + " bytes, more than the "
                    + MAX_BYTES + " that are supported");
        }
        try (JsonReader reader = new JsonReader(new InputStreamReader(new SegmentStream(text),
                StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)))) {
            reader.setStrictness(Strictness.STRICT);
            StrictJson json = new StrictJson(path, what, reader);
            document.read(json);
            if (reader.peek() != JsonToken.END_DOCUMENT) {
                throw json.fail("goes on behind its end");
            }
        } catch (CheckpointFormatException e) {
            throw e;
        } catch (CharacterCodingException e) {
            throw new CheckpointFormatException(path, what + " is not valid UTF-8");
        } catch (MalformedJsonException | IllegalStateException e) {
            throw new CheckpointFormatException(path, what + " is not what it has to be: " + problem(e));
        } catch (IOException e) {
            throw new CheckpointFormatException(path, what + " ends too early; the file is damaged or incomplete");
        }
    }

    /** Without what the parser recommends to its callers. */
    private static String problem(Exception e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("")
                .replace("Use JsonReader.setStrictness(Strictness.LENIENT) to accept malformed JSON", "malformed JSON");
    }

    /** The members of an object, each name once. */
    void object(Member member) throws IOException {
        Set<String> names = new HashSet<>();
        json.beginObject();
        while (json.hasNext()) {
            String name = json.nextName();
            if (!names.add(name)) {
                throw fail("has two members named " + Printable.name(name));
            }
            if (names.size() > MAX_MEMBERS) {
                throw fail("has an object of more than " + MAX_MEMBERS + " members");
            }
            member.read(name);
        }
        json.endObject();
    }

    /** An array of integers, of at most some number. */
    long[] integers(int most) throws IOException {
        long[] values = new long[most];
        int count = 0;
        json.beginArray();
        while (json.hasNext()) {
            if (count == most) {
                throw fail("has more than " + most + " numbers at " + json.getPath());
            }
            values[count++] = integer();
        }
        json.endArray();
        return Arrays.copyOf(values, count);
    }

    /** From 0 to 2⁶³ − 1, in digits. */
    private long integer() throws IOException {
        String at = json.getPath();
        String text = number();
        if (text.length() > MAX_DIGITS || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw fail("has " + Printable.name(text) + " at " + at + " where a whole number below 2^63 was expected");
        }
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw fail("has " + text + " at " + at + " where a whole number below 2^63 was expected");
        }
    }

    double real() throws IOException {
        return Double.parseDouble(number());
    }

    private String number() throws IOException {
        if (json.peek() != JsonToken.NUMBER) {
            throw fail("has no number at " + json.getPath());
        }
        return json.nextString();
    }

    String string() throws IOException {
        if (json.peek() != JsonToken.STRING) {
            throw fail("has no string at " + json.getPath());
        }
        return json.nextString();
    }

    /** Whether the next value is null; it is read then. */
    boolean isNull() throws IOException {
        if (json.peek() != JsonToken.NULL) {
            return false;
        }
        json.nextNull();
        return true;
    }

    void skip() throws IOException {
        json.skipValue();
    }

    CheckpointFormatException fail(String problem) {
        return new CheckpointFormatException(path, what + " " + problem);
    }

    private static final class SegmentStream extends InputStream {
        private final MemorySegment segment;
        private long position;

        SegmentStream(MemorySegment segment) {
            this.segment = segment;
        }

        @Override
        public int read() {
            return position == segment.byteSize()
                    ? -1
                    : Byte.toUnsignedInt(segment.get(ValueLayout.JAVA_BYTE, position++));
        }

        @Override
        public int read(byte[] target, int offset, int length) {
            int count = (int) Math.min(length, segment.byteSize() - position);
            MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, position, target, offset, count);
            position += count;
            return count == 0 && length > 0 ? -1 : count;
        }
    }
}
