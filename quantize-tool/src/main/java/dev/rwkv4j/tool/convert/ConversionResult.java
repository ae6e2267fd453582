package dev.rwkv4j.tool.convert;

import java.util.List;

/**
 * What a conversion made.
 *
 * @param architecture the value of {@code general.architecture}: {@code rwkv4}, {@code rwkv5}, {@code rwkv6} or
 *     {@code rwkv7}
 * @param tensors number of tensors in the new file
 * @param bytes length of the new file
 * @param notes what the person should know about the new file, each a sentence or two: that it has no vocabulary, or
 *     that something of the checkpoint could not be carried over; often empty
 */
public record ConversionResult(String architecture, int tensors, long bytes, List<String> notes) {
    /** Copies the notes. */
    public ConversionResult {
        notes = List.copyOf(notes);
    }
}
