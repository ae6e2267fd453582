package dev.rwkv4j;

import dev.rwkv4j.tokenizer.Utf8Decoder;
import java.util.List;
import java.util.Optional;

/**
 * Makes text that can be shown out of the bytes of generated tokens. A token may end within a character, and a stop string
 * may begin in one token and end in another; so what is not certain yet is held back: an incomplete character, and any text
 * that may turn out to be the beginning of a stop string.
 *
 * <p>Bytes that are not valid UTF-8 become U+FFFD as soon as they cannot become a character any more. Not for use by several
 * threads at once.
 */
public final class TextAssembler {
    private final List<String> stops;
    private final Utf8Decoder decoder = new Utf8Decoder();
    private final StringBuilder pending = new StringBuilder();
    private Optional<String> stop = Optional.empty();

    /**
     * Makes an assembler for one text.
     *
     * @param stops texts before which the text ends; none is empty
     * @throws IllegalArgumentException if one is empty
     */
    public TextAssembler(List<String> stops) {
        this.stops = List.copyOf(stops);
        if (this.stops.contains("")) {
            throw new IllegalArgumentException("a stop string is empty");
        }
    }

    /**
     * Adds the bytes of a token. After a stop string was met they are ignored.
     *
     * @param bytes the bytes, possibly none
     * @return the text that has become certain, often empty; never any part of the stop string
     */
    public String append(byte[] bytes) {
        if (stop.isPresent()) {
            return "";
        }
        decoder.decode(bytes, pending);
        return takeCertain();
    }

    /** {@return whether something is held back at present} */
    public boolean isHolding() {
        return !pending.isEmpty() || decoder.isIncomplete();
    }

    /** {@return the stop string that was met, if one was: then the text has ended} */
    public Optional<String> stop() {
        return stop;
    }

    /**
     * Ends the text.
     *
     * @return what was held back, an incomplete character as U+FFFD; nothing after a stop string
     */
    public String finish() {
        if (stop.isPresent()) {
            return "";
        }
        decoder.finish(pending);
        String certain = takeCertain();
        return stop.isPresent() ? certain : certain + take(pending.length());
    }

    private String takeCertain() {
        int end = pending.length();
        for (String candidate : stops) {
            int at = pending.indexOf(candidate);
            if (at >= 0 && (stop.isEmpty() || at < end)) {
                stop = Optional.of(candidate);
                end = at;
            }
        }
        if (stop.isPresent()) {
            String text = take(end);
            pending.setLength(0);
            return text;
        }
        return take(certainLength());
    }

    /** Up to where no stop string can begin. */
    private int certainLength() {
        int length = pending.length();
        for (String candidate : stops) {
            for (int at = Math.max(0, pending.length() - candidate.length() + 1); at < length; at++) {
                if (candidate.startsWith(pending.substring(at))) {
                    length = at;
                }
            }
        }
        return length;
    }

    private String take(int length) {
        String text = pending.substring(0, length);
        pending.delete(0, length);
        return text;
    }
}
