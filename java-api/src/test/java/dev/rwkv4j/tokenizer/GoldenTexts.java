package dev.rwkv4j.tokenizer;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** The golden files of tokenizers: texts and bytes with the tokens that the official code makes of them. */
record GoldenTexts(List<Text> texts, List<Bytes> bytes, List<Token> tokens) {
    record Text(String text, int[] ids) {
    }

    record Bytes(byte[] bytes, int[] ids) {
    }

    record Token(int id, byte[] bytes, String gguf) {
    }

    static GoldenTexts read(Path file) throws IOException {
        JsonObject json = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        GoldenTexts golden = new GoldenTexts(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        for (JsonElement item : json.getAsJsonArray("text")) {
            JsonObject text = item.getAsJsonObject();
            golden.texts.add(new Text(text.get("text").getAsString(), ids(text)));
        }
        if (json.has("bytes")) {
            for (JsonElement item : json.getAsJsonArray("bytes")) {
                golden.bytes.add(new Bytes(hex(item.getAsJsonObject()), ids(item.getAsJsonObject())));
            }
            for (JsonElement item : json.getAsJsonArray("tokens")) {
                JsonObject token = item.getAsJsonObject();
                golden.tokens.add(new Token(token.get("id").getAsInt(), hex(token), token.get("gguf").getAsString()));
            }
        }
        return golden;
    }

    private static byte[] hex(JsonObject item) {
        return HexFormat.of().parseHex(item.get("hex").getAsString());
    }

    private static int[] ids(JsonObject item) {
        return item.getAsJsonArray("ids").asList().stream().mapToInt(JsonElement::getAsInt).toArray();
    }
}
