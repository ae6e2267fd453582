package dev.rwkv4j.tokenizer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Vocabulary files that tests make up. */
final class SmallVocabularies {
    private SmallVocabularies() {
    }

    /** The lines of a World vocabulary: all single bytes, then tokens given as literal and length such as {@code 'ab' 2}. */
    static List<String> world(String... more) {
        List<String> lines = new ArrayList<>();
        for (int b = 0; b < 256; b++) {
            lines.add((b + 1) + (b < 0x80 ? " '" : " b'") + String.format("\\x%02x", b) + "' 1");
        }
        for (String token : more) {
            lines.add((lines.size() + 1) + " " + token);
        }
        return lines;
    }

    /** A tokenizer.json: 0 ends a text, all single bytes, the given merges, and runs of three and two spaces. */
    static String neox(String... merges) {
        Map<String, Integer> vocabulary = new LinkedHashMap<>();
        vocabulary.put("<|endoftext|>", 0);
        for (int b = 0; b < 256; b++) {
            vocabulary.put(ByteAlphabet.encode(new byte[]{(byte) b}), vocabulary.size());
        }
        for (String merge : merges) {
            vocabulary.putIfAbsent(merge.replace(" ", ""), vocabulary.size());
        }
        int next = vocabulary.size();
        return """
                {"added_tokens": [{"id": 0, "content": "<|endoftext|>", "special": true},
                  {"id": %d, "content": "   ", "special": false}, {"id": %d, "content": "  ", "special": false}],
                 "normalizer": {"type": "NFC"},
                 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
                 "post_processor": null,
                 "model": {"type": "BPE", "vocab": {%s}, "merges": [%s]}}
                """.formatted(next, next + 1,
                String.join(", ", vocabulary.entrySet().stream()
                        .map(entry -> quote(entry.getKey()) + ": " + entry.getValue()).toList()),
                String.join(", ", List.of(merges).stream().map(SmallVocabularies::quote).toList()));
    }

    private static String quote(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
