package dev.rwkv4j;

import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * A text of several languages, some {@value #TEXT_CHARACTERS} characters long, to tokens and back. The vocabularies are not
 * part of the repository: they are looked for where the tests look for them.
 */
public class TokenizingBenchmark extends AverageTime {
    private static final int TEXT_CHARACTERS = 10_000;
    private static final String PIECE = """
            The Eiffel Tower is a wrought-iron lattice tower on the Champ de Mars in Paris, 330 metres high since 2022.
            埃菲尔铁塔是位于法国巴黎战神广场的铁制镂空塔。エッフェル塔はパリの象徴である。
            Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Съешь же ещё этих мягких булок!
            for (int i = 0; i < n; i++) { sum += a[i] * b[i]; }    // 3.14159, 0xCAFE 🙂
            """;

    @Param({"rwkv_vocab_v20230424.txt", "20B_tokenizer.json"})
    public String vocabulary;

    private Tokenizer tokenizer;
    private String text;
    private int[] tokens;

    @Setup
    public void read() throws IOException {
        String folder = Optional.ofNullable(System.getenv("RWKV4J_DATA")).orElse("../shared/data");
        tokenizer = Tokenizers.read(Path.of(folder, vocabulary));
        text = PIECE.repeat(TEXT_CHARACTERS / PIECE.length());
        tokens = tokenizer.encode(text);
    }

    @Benchmark
    public int[] encode() {
        return tokenizer.encode(text);
    }

    @Benchmark
    public String decode() {
        return tokenizer.decode(tokens);
    }
}
