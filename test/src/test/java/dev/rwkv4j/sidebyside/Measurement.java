package dev.rwkv4j.sidebyside;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

/**
 * What a process has found.
 *
 * @param prompt tokens in a second
 * @param decode tokens in a second
 * @param peakBytes the most memory that it held
 */
record Measurement(double prompt, double decode, long peakBytes) {
    /** The names of the fields in what {@code rwkv bench --json} prints. */
    static final String PROMPT = "prompt_tokens_per_second";
    static final String DECODE = "decode_tokens_per_second";
    static final String MEMORY = "peak_rss_bytes";

    /** From what a process has printed: an object, or an array of one. */
    static Measurement parse(String json) {
        JsonElement root = JsonParser.parseString(json);
        JsonObject object = (root.isJsonArray() ? root.getAsJsonArray().get(0) : root).getAsJsonObject();
        return new Measurement(
                object.get(PROMPT).getAsDouble(), object.get(DECODE).getAsDouble(), object.get(MEMORY).getAsLong());
    }
}
