package dev.rwkv4j.tokenizer;

import com.google.gson.JsonParseException;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads a byte-level BPE from the JSON of Hugging Face's {@code tokenizers}. What it finds there about normalising and
 * splitting has to be what GPT-NeoX does; another model's file is refused rather than read wrongly.
 */
final class TokenizerJson {
    private final JsonReader json;
    /** Ids are below this: each token takes more than a byte of the file. */
    private final int limit;
    private String[] spellings = new String[0];
    private int[] types = new int[0];
    private int count;
    private final List<String> merges = new ArrayList<>();
    private final List<String> kinds = new ArrayList<>();

    private TokenizerJson(JsonReader json, int limit) {
        this.json = json;
        this.limit = limit;
    }

    static NeoxTokenizer parse(byte[] content) throws VocabularyException {
        try (JsonReader json = new JsonReader(
                new InputStreamReader(new ByteArrayInputStream(content), StandardCharsets.UTF_8))) {
            return new TokenizerJson(json, Math.min(content.length, ByteTrie.MAX_TOKENS)).parse();
        } catch (IOException | IllegalStateException | NumberFormatException | JsonParseException e) {
            throw new VocabularyException("is no tokenizer.json: " + e.getMessage());
        }
    }

    private NeoxTokenizer parse() throws IOException, VocabularyException {
        json.beginObject();
        while (json.hasNext()) {
            switch (json.nextName()) {
                case "added_tokens" -> readAddedTokens();
                case "normalizer" -> readKind("normalizer");
                case "pre_tokenizer" -> readKind("pre_tokenizer");
                case "model" -> readModel();
                default -> json.skipValue();
            }
        }
        json.endObject();
        for (String kind : List.of("normalizer NFC", "pre_tokenizer ByteLevel", "model BPE")) {
            if (!kinds.contains(kind)) {
                throw new VocabularyException("expected the " + kind + ", found " + kinds);
            }
        }
        return NeoxTokenizer.of(table(), merges);
    }

    private TokenTable table() throws VocabularyException {
        TokenTable.Builder tokens = new TokenTable.Builder();
        for (int id = 0; id < count; id++) {
            if (spellings[id] == null) {
                throw new VocabularyException("there is no token with the id " + id);
            }
            tokens.add(types[id], types[id] == TokenTable.NORMAL
                    ? ByteAlphabet.decode(spellings[id])
                    : spellings[id].getBytes(StandardCharsets.UTF_8));
        }
        return tokens.build();
    }

    /** Notes the type of a part, and that it puts no space before a text. */
    private void readKind(String part) throws IOException, VocabularyException {
        if (json.peek() == JsonToken.NULL) {
            json.nextNull();
            return;
        }
        json.beginObject();
        while (json.hasNext()) {
            switch (json.nextName()) {
                case "type" -> kinds.add(part + " " + json.nextString());
                case "add_prefix_space" -> {
                    if (json.nextBoolean()) {
                        throw new VocabularyException("a tokenizer with add_prefix_space is not supported");
                    }
                }
                default -> json.skipValue();
            }
        }
        json.endObject();
    }

    private void readAddedTokens() throws IOException, VocabularyException {
        json.beginArray();
        while (json.hasNext()) {
            readAddedToken();
        }
        json.endArray();
    }

    private void readAddedToken() throws IOException, VocabularyException {
        int id = -1;
        String content = null;
        boolean special = false;
        json.beginObject();
        while (json.hasNext()) {
            switch (json.nextName()) {
                case "id" -> id = json.nextInt();
                case "content" -> content = json.nextString();
                case "special" -> special = json.nextBoolean();
                default -> json.skipValue();
            }
        }
        json.endObject();
        if (content == null) {
            throw new VocabularyException("an added token has no content");
        }
        add(id, content, special ? TokenTable.CONTROL : TokenTable.USER_DEFINED);
    }

    private void readModel() throws IOException, VocabularyException {
        json.beginObject();
        while (json.hasNext()) {
            switch (json.nextName()) {
                case "type" -> kinds.add("model " + json.nextString());
                case "vocab" -> readVocabulary();
                case "merges" -> readMerges();
                default -> json.skipValue();
            }
        }
        json.endObject();
    }

    private void readVocabulary() throws IOException, VocabularyException {
        json.beginObject();
        while (json.hasNext()) {
            String spelling = json.nextName();
            add(json.nextInt(), spelling, TokenTable.NORMAL);
        }
        json.endObject();
    }

    /** Merges are strings with a space between two tokens or, in newer files, arrays of the two. */
    private void readMerges() throws IOException {
        json.beginArray();
        while (json.hasNext()) {
            if (json.peek() == JsonToken.BEGIN_ARRAY) {
                json.beginArray();
                merges.add(json.nextString() + ' ' + json.nextString());
                json.endArray();
            } else {
                merges.add(json.nextString());
            }
        }
        json.endArray();
    }

    /** Notes a token. The added ones may be in the vocabulary as well, with the same spelling; then they are added ones. */
    private void add(int id, String spelling, int type) throws VocabularyException {
        if (id < 0 || id >= limit) {
            throw new VocabularyException("a token has the id " + id + ", expected 0 to " + (limit - 1));
        }
        if (id >= spellings.length) {
            spellings = Arrays.copyOf(spellings, Math.max(id + 1, 2 * spellings.length));
            types = Arrays.copyOf(types, spellings.length);
        }
        if (spellings[id] == null) {
            types[id] = type;
        } else if (types[id] == TokenTable.NORMAL == (type == TokenTable.NORMAL) || !spellings[id].equals(spelling)) {
            throw new VocabularyException("two tokens have the id " + id);
        } else if (type != TokenTable.NORMAL) {
            types[id] = type;
        }
        spellings[id] = spelling;
        count = Math.max(count, id + 1);
    }
}
