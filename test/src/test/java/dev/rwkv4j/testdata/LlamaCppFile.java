package dev.rwkv4j.testdata;

import com.google.gson.Gson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A small random model in a file that llama.cpp wrote.
 *
 * @param types how many tensors there are of each type, by its name
 * @param llamaCppDifference how far llama.cpp itself is from the exact logits after the last token, relative to the
 *     largest
 * @param exactLogits of the stored weights, after each of {@link #CUTS} tokens
 */
public record LlamaCppFile(
        String name,
        Path path,
        int[] tokens,
        Map<String, Integer> types,
        double llamaCppDifference,
        List<double[]> exactLogits) {

    /** After how many tokens logits are known. */
    public static final int[] CUTS = {1, 16, 77};

    private static final int VOCABULARY = 256;

    /** All files. Skips the test where they are absent. */
    public static Stream<LlamaCppFile> all() throws IOException {
        Index index = new Gson().fromJson(Files.readString(TestData.shared("gguf/index.json")), Index.class);
        return index.models.entrySet().stream().map(entry -> of(entry.getKey(), entry.getValue(), index.tokens));
    }

    private static LlamaCppFile of(String name, Entry entry, int[] tokens) {
        try {
            double[] logits = TestData.doubles(TestData.shared("gguf/" + entry.logits_file));
            return new LlamaCppFile(
                    name,
                    TestData.shared("gguf/" + entry.file),
                    tokens,
                    entry.tensor_types,
                    entry.llama_cpp_relative_difference,
                    IntStream.range(0, CUTS.length)
                            .mapToObj(row -> Arrays.copyOfRange(logits, row * VOCABULARY, (row + 1) * VOCABULARY))
                            .toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether it has a block format. */
    public boolean hasBlocks() {
        return types.keySet().stream().anyMatch(type -> type.startsWith("Q") || type.startsWith("IQ"));
    }

    @Override
    public String toString() {
        return name;
    }

    /** The fields of the index that are used, by its names. */
    private record Index(int[] tokens, Map<String, Entry> models) {
    }

    private record Entry(
            String file, Map<String, Integer> tensor_types, String logits_file, double llama_cpp_relative_difference) {
    }
}
