package dev.rwkv4j.tokenizer;

import dev.rwkv4j.gguf.GgufFormatException;
import dev.rwkv4j.gguf.GgufMetadata;
import dev.rwkv4j.gguf.GgufWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.AbstractList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Reads and writes the metadata keys of tokenizers in GGUF files. */
final class TokenizerKeys {
    static final String MODEL = "tokenizer.ggml.model";
    static final String PRE = "tokenizer.ggml.pre";
    static final String TOKENS = "tokenizer.ggml.tokens";
    static final String TYPES = "tokenizer.ggml.token_type";
    static final String MERGES = "tokenizer.ggml.merges";
    static final String BEGIN_OF_TEXT = "tokenizer.ggml.bos_token_id";
    static final String END_OF_TEXT = "tokenizer.ggml.eos_token_id";
    static final String END_OF_TURN = "tokenizer.ggml.eot_token_id";

    /** What llama.cpp calls the absence of a tokenizer. */
    private static final String NO_VOCABULARY = "no_vocab";

    /** Turns the spelling of a normal token into bytes. */
    @FunctionalInterface
    interface Spelling {
        byte[] bytes(byte[] spelling) throws VocabularyException;
    }

    private TokenizerKeys() {
    }

    static Optional<Tokenizer> read(GgufMetadata metadata, int vocabularySize) throws IOException {
        String model = metadata.getString(MODEL, ByteTokenizer.MODEL);
        return switch (model) {
            case WorldTokenizer.NAME -> Optional.of(readWorld(metadata, vocabularySize));
            case NeoxTokenizer.NAME -> Optional.of(readNeox(metadata, vocabularySize));
            case ByteTokenizer.MODEL, NO_VOCABULARY -> metadata.contains(MODEL) && vocabularySize == ByteTokenizer.SIZE
                    ? Optional.of(new ByteTokenizer())
                    : Optional.empty();
            default -> throw new GgufFormatException(metadata.path(),
                    "metadata key " + MODEL + " is '" + model
                            + "', expected " + WorldTokenizer.NAME + ", " + NeoxTokenizer.NAME + " or "
                            + ByteTokenizer.MODEL);
        };
    }

    private static Tokenizer readWorld(GgufMetadata metadata, int vocabularySize) throws GgufFormatException {
        try {
            return WorldTokenizer.of(readTokens(metadata, vocabularySize, GgufEscapes::unescape));
        } catch (VocabularyException e) {
            throw new GgufFormatException(metadata.path(), "metadata key " + TOKENS + ": " + e.getMessage());
        }
    }

    private static Tokenizer readNeox(GgufMetadata metadata, int vocabularySize) throws GgufFormatException {
        String pre = metadata.getString(PRE, NeoxTokenizer.PRE);
        if (!pre.equals(NeoxTokenizer.PRE)) {
            throw new GgufFormatException(metadata.path(),
                    "metadata key " + PRE + " is '" + pre + "', expected " + NeoxTokenizer.PRE);
        }
        TokenTable tokens = readTokens(metadata, vocabularySize,
                spelling -> ByteAlphabet.decode(new String(spelling, StandardCharsets.UTF_8)));
        try {
            return NeoxTokenizer.of(tokens, metadata.getStrings(MERGES));
        } catch (VocabularyException e) {
            throw new GgufFormatException(metadata.path(), "the tokenizer is inconsistent: " + e.getMessage());
        }
    }

    private static TokenTable readTokens(GgufMetadata metadata, int vocabularySize, Spelling spelling)
            throws GgufFormatException {
        requireLength(metadata, TOKENS, vocabularySize);
        requireLength(metadata, TYPES, vocabularySize);
        if (vocabularySize > ByteTrie.MAX_TOKENS) {
            throw new GgufFormatException(metadata.path(), "metadata key " + TOKENS + " has " + vocabularySize
                    + " elements, supported are " + ByteTrie.MAX_TOKENS);
        }
        byte[][] spellings = metadata.getStringBytes(TOKENS);
        int[] types = metadata.getInts(TYPES);
        TokenTable.Builder tokens = new TokenTable.Builder();
        for (int i = 0; i < vocabularySize; i++) {
            if (types[i] < 0 || types[i] > TokenTable.LAST_TYPE) {
                throw new GgufFormatException(metadata.path(), "metadata key " + TYPES + ", element " + i + " is "
                        + types[i] + ", expected 1 to " + TokenTable.LAST_TYPE);
            }
            try {
                tokens.add(types[i], bytes(types[i], spellings[i], spelling));
            } catch (VocabularyException e) {
                throw new GgufFormatException(metadata.path(),
                        "metadata key " + TOKENS + ", element " + i + " ('"
                                + new String(spellings[i], StandardCharsets.UTF_8) + "'): " + e.getMessage());
            }
        }
        return tokens.build();
    }

    private static byte[] bytes(int type, byte[] text, Spelling spelling) throws VocabularyException {
        return switch (type) {
            case TokenTable.NORMAL -> spelling.bytes(text);
            case TokenTable.UNUSED -> new byte[0];
            default -> text;
        };
    }

    private static void requireLength(GgufMetadata metadata, String key, int expected) throws GgufFormatException {
        long length = metadata.arrayLength(key);
        if (length != expected) {
            throw new GgufFormatException(metadata.path(), "metadata key " + key + " has " + length
                    + " elements, expected one for each of the " + expected + " rows of the embedding");
        }
    }

    /** Writes what all tokenizers with a vocabulary have in common. */
    static void write(GgufWriter writer, String name, TokenTable tokens, Function<byte[], String> spelling) {
        int[] types = new int[tokens.size()];
        for (int i = 0; i < types.length; i++) {
            types[i] = tokens.type(i);
        }
        writer.putString(MODEL, name)
                .putStrings(TOKENS, new Spellings(tokens, spelling))
                .putInts(TYPES, types)
                .putUint32(BEGIN_OF_TEXT, 0)
                .putUint32(END_OF_TEXT, 0);
    }

    /** The tokens as a GGUF file spells them, each made when it is asked for. */
    private static final class Spellings extends AbstractList<String> {
        private final TokenTable tokens;
        private final Function<byte[], String> normal;

        Spellings(TokenTable tokens, Function<byte[], String> normal) {
            this.tokens = tokens;
            this.normal = normal;
        }

        @Override
        public String get(int token) {
            return switch (tokens.type(token)) {
                case TokenTable.NORMAL -> normal.apply(tokens.spelling(token));
                case TokenTable.UNUSED -> "[PAD" + token + "]";
                default -> new String(tokens.spelling(token), StandardCharsets.UTF_8);
            };
        }

        @Override
        public int size() {
            return tokens.size();
        }
    }
}
