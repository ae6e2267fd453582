package dev.rwkv4j.tokenizer;

import dev.rwkv4j.gguf.GgufWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.AbstractList;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The tokenizer of the Pile and Raven models, GPT-NeoX 20B's: byte-level byte pair encoding.
 *
 * <p>Text is normalised to NFC, so what is decoded may differ from what was encoded in how its accents are composed. Runs of
 * spaces have tokens of their own; the rest is split into words, numbers, punctuation and white space, and each piece is
 * encoded by merging pairs.
 */
public final class NeoxTokenizer implements Tokenizer {
    static final String NAME = "gpt2";
    /** What GGUF files call the way in which text is split. */
    static final String PRE = "mpt";

    private static final Pattern PIECE = Pattern.compile(
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
            Pattern.UNICODE_CHARACTER_CLASS);

    /** In bytes of UTF-8. */
    private static final int LONGEST_CHARACTER = 4;

    private final TokenTable tokens;
    /** Tokens that are found in normalised text as they are: the runs of spaces. */
    private final ByteTrie added;
    /** Tokens that mean something else than their spelling; {@code <|endoftext|>} is one. */
    private final ByteTrie special;
    private final MergeTable merges;
    private final int[] byteTokens;

    private NeoxTokenizer(TokenTable tokens, ByteTrie added, ByteTrie special, MergeTable merges, int[] byteTokens) {
        this.tokens = tokens;
        this.added = added;
        this.special = special;
        this.merges = merges;
        this.byteTokens = byteTokens;
    }

    /**
     * Reads a {@code tokenizer.json} such as {@code 20B_tokenizer.json}.
     *
     * @param file the file
     * @return the tokenizer; for a model with more rows than tokens see {@link #withSize}
     * @throws TokenizerFormatException if the file is not a complete and consistent tokenizer of this kind
     * @throws IOException if it cannot be read
     */
    public static NeoxTokenizer read(Path file) throws IOException {
        return parse(file, VocabularyFile.content(file));
    }

    static NeoxTokenizer parse(Path file, byte[] content) throws TokenizerFormatException {
        try {
            return TokenizerJson.parse(content);
        } catch (VocabularyException e) {
            throw new TokenizerFormatException(file, e.getMessage());
        }
    }

    /**
     * @param mergeLines pairs of spellings with a space between them, in the order of their ranks
     */
    static NeoxTokenizer of(TokenTable tokens, List<String> mergeLines) throws VocabularyException {
        ByteTrie normal = ByteTrie.build(tokens, tokens.ofType(TokenTable.NORMAL));
        int[] byteTokens = byteTokens(normal);
        return new NeoxTokenizer(tokens, ByteTrie.build(tokens, tokens.ofType(TokenTable.USER_DEFINED)),
                ByteTrie.build(tokens, tokens.special()), merges(normal, mergeLines), byteTokens);
    }

    private static int[] byteTokens(ByteTrie normal) throws VocabularyException {
        int[] byteTokens = new int[256];
        for (int b = 0; b < byteTokens.length; b++) {
            byteTokens[b] = normal.find(new byte[]{(byte) b}, 0, 1);
            boolean inUtf8 = b < 0xC0 || b > 0xC1 && b < 0xF5;
            if (byteTokens[b] == ByteTrie.NONE && inUtf8) {
                throw new VocabularyException("there is no token for the byte " + b);
            }
        }
        return byteTokens;
    }

    private static MergeTable merges(ByteTrie normal, List<String> lines) throws VocabularyException {
        MergeTable merges = new MergeTable(lines.size());
        for (String line : lines) {
            int space = line.indexOf(' ');
            if (space < 0) {
                throw new VocabularyException("merge '" + line + "' has no space between its two tokens");
            }
            byte[] pair = ByteAlphabet.decode(line.substring(0, space) + line.substring(space + 1));
            int left = normal.find(pair, 0, space);
            int right = normal.find(pair, space, pair.length);
            int merged = normal.find(pair, 0, pair.length);
            if (left == ByteTrie.NONE || right == ByteTrie.NONE || merged == ByteTrie.NONE) {
                throw new VocabularyException("merge '" + line + "' has to do with a token that does not exist");
            }
            if (!merges.add(left, right, merged)) {
                throw new VocabularyException("merge '" + line + "' occurs twice");
            }
        }
        return merges;
    }

    @Override
    public int[] encode(String text) {
        TokenList encoded = new TokenList();
        encodeOrdinary(text, encoded, new BytePairEncoder(merges, byteTokens));
        return encoded.toArray();
    }

    /**
     * {@inheritDoc}
     *
     * <p>Bytes that are not valid UTF-8 are encoded as U+FFFD.
     */
    @Override
    public int[] encode(byte[] bytes) {
        Utf8Decoder decoder = new Utf8Decoder();
        StringBuilder text = new StringBuilder();
        decoder.decode(bytes, text);
        decoder.finish(text);
        return encode(text.toString());
    }

    /**
     * {@inheritDoc}
     *
     * <p>A word, number or punctuation ends where white space begins, and nothing is composed across that place, so what is
     * before the last such place is settled.
     */
    @Override
    public int settledLength(byte[] beginning) {
        int at = beginning.length - 1;
        while (at > 0 && !(isAsciiSpace(beginning[at]) && isEndOfWord(beginning, at))) {
            at--;
        }
        return Math.max(at, 0);
    }

    private static boolean isAsciiSpace(byte b) {
        return b == ' ' || b >= '\t' && b <= '\r';
    }

    /** Whether the character before a position is certainly no white space. */
    private static boolean isEndOfWord(byte[] bytes, int position) {
        int from = Math.max(0, position - LONGEST_CHARACTER);
        String before = new String(bytes, from, position - from, StandardCharsets.UTF_8);
        int character = before.codePointBefore(before.length());
        return !Character.isSpaceChar(character) && !Character.isISOControl(character);
    }

    /**
     * Encodes a text in which special tokens are written out: {@code <|endoftext|>} becomes token 0. For text of one's own;
     * what users write belongs into {@link #encode(String)}.
     *
     * @param text the text
     * @return its tokens, the caller's
     */
    public int[] encodeWithSpecialTokens(String text) {
        TokenList encoded = new TokenList();
        BytePairEncoder encoder = new BytePairEncoder(merges, byteTokens);
        split(special, text, encoded, ordinary -> encodeOrdinary(ordinary, encoded, encoder));
        return encoded.toArray();
    }

    private void encodeOrdinary(String text, TokenList encoded, BytePairEncoder encoder) {
        split(added, Normalizer.normalize(text, Normalizer.Form.NFC), encoded, rest -> {
            Matcher pieces = PIECE.matcher(rest);
            while (pieces.find()) {
                encoder.encode(pieces.group().getBytes(StandardCharsets.UTF_8), encoded);
            }
        });
    }

    /** Cuts a text at the tokens of a trie, leftmost and longest first, adds these, and passes on what is between them. */
    private void split(ByteTrie trie, String text, TokenList encoded, Consumer<String> between) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int done = 0;
        for (int at = 0; at < bytes.length;) {
            int token = trie.longest(bytes, at, bytes.length);
            if (token == ByteTrie.NONE) {
                at++;
                continue;
            }
            between.accept(new String(bytes, done, at - done, StandardCharsets.UTF_8));
            encoded.add(token);
            at += tokens.length(token);
            done = at;
        }
        between.accept(new String(bytes, done, bytes.length - done, StandardCharsets.UTF_8));
    }

    @Override
    public byte[] bytes(int token) {
        return tokens.text(token);
    }

    @Override
    public int size() {
        return tokens.size();
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public NeoxTokenizer withSize(int size) {
        return new NeoxTokenizer(tokens.withSize(size), added, special, merges, byteTokens);
    }

    @Override
    public void writeTo(GgufWriter writer) {
        TokenizerKeys.write(writer, NAME, tokens, ByteAlphabet::encode);
        writer.putString(TokenizerKeys.PRE, PRE).putStrings(TokenizerKeys.MERGES, new AbstractList<>() {
            @Override
            public String get(int rank) {
                return ByteAlphabet.encode(tokens.spelling(merges.left(rank))) + ' '
                        + ByteAlphabet.encode(tokens.spelling(merges.right(rank)));
            }

            @Override
            public int size() {
                return merges.count();
            }
        });
    }
}
