package dev.rwkv4j.tool.convert;

import dev.rwkv4j.gguf.GgufWriter;
import dev.rwkv4j.tokenizer.ByteTokenizer;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The tokenizer of a new file, and what is to be said about it. */
final class Vocabulary {
    /** What all keys of a tokenizer begin with. */
    static final String KEYS = "tokenizer.ggml.";

    private static final int BYTES = 256;

    private static final int WORLD_ROWS = 65536;

    /** Models are padded to a round number of rows, never by more than this. */
    private static final int MOST_PADDING = 512;

    private Vocabulary() {
    }

    /**
     * Adds a tokenizer's keys. Without a tokenizer llama.cpp has to be told how many tokens there are.
     *
     * @param architecture what the keys of the model begin with
     * @param file where the tokenizer is, if there is one
     * @param rows of the model's embedding
     * @param notes for the person, to be added to
     * @throws IOException if the file can't be read, holds no vocabulary, or one that is too large for the model
     */
    static void put(GgufWriter writer, String architecture, Optional<Path> file, int rows, List<String> notes)
            throws IOException {
        if (file.isPresent()) {
            put(writer, file.get(), rows, notes);
            return;
        }
        writer.putString("tokenizer.ggml.model", "none").putUint32(architecture + ".vocab_size", rows);
        if (rows != BYTES) {
            notes.add(
                    "The new file has no vocabulary, so the model takes and gives token numbers instead of text unless "
                            + "a vocabulary file is named whenever it is used." + hint(rows));
        }
    }

    private static String hint(int rows) {
        return rows == WORLD_ROWS ? " With " + rows + " tokens it is probably rwkv_vocab_v20230424.txt." : "";
    }

    /**
     * The tokenizer that {@link #put} adds, with as many tokens as the model has rows; empty if there is none.
     *
     * @throws IOException as for {@link #put}
     */
    static Optional<Tokenizer> tokenizer(Optional<Path> file, int rows) throws IOException {
        if (file.isPresent()) {
            return Optional.of(read(file.get(), rows).withSize(rows));
        }
        return rows == BYTES ? Optional.of(new ByteTokenizer()) : Optional.empty();
    }

    private static Tokenizer read(Path file, int rows) throws IOException {
        Tokenizer tokenizer = Tokenizers.read(file);
        if (tokenizer.size() > rows) {
            throw new CheckpointFormatException(file, "this vocabulary has " + tokenizer.size()
                    + " tokens, and the model only " + rows + " rows; it is not the model's");
        }
        return tokenizer;
    }

    private static void put(GgufWriter writer, Path file, int rows, List<String> notes) throws IOException {
        Tokenizer tokenizer = read(file, rows);
        if (rows - tokenizer.size() > MOST_PADDING) {
            notes.add("The vocabulary " + file + " has " + tokenizer.size() + " tokens, and the model " + rows
                    + " rows: it is probably not the model's." + hint(rows));
        }
        tokenizer.withSize(rows).writeTo(writer);
    }
}
