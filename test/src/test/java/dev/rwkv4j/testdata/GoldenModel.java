package dev.rwkv4j.testdata;

import com.google.gson.Gson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * A small random model and what the official implementation makes of it.
 *
 * @param checkpoint the .pth file
 * @param tokens a text of 77 tokens
 * @param cuts after how many of them logits are known: 1, 16 and 77
 * @param greedyNext16 what greedy decoding adds to it
 * @param officialLogits a row for each of: fed one by one (three cuts), as one sequence (three cuts), as 13 + 64 tokens
 * @param exactLogits float64, a row for each cut
 * @param officialState after all tokens, in the engine's layout, cut into its parts: shift vectors, matrices, …
 */
public record GoldenModel(
        String name,
        Path checkpoint,
        int[] tokens,
        int[] cuts,
        int[] greedyNext16,
        List<float[]> officialLogits,
        List<double[]> exactLogits,
        List<float[]> officialState) {

    /** All of them, those of the repository first. */
    public static List<String> names() {
        return List.of(
                "rwkv4", "rwkv5.0", "rwkv5.1", "rwkv5.2", "rwkv6", "rwkv7-bf16", "rwkv7", "rwkv7-192");
    }

    /** Reads one. Skips the test where its files are absent. */
    public static GoldenModel read(String name) throws IOException {
        Description description = new Gson().fromJson(Files.readString(TestData.golden(name + ".json")),
                Description.class);
        float[] logits = TestData.floats(TestData.golden(name + ".logits.f32"));
        double[] exact = TestData.doubles(TestData.golden(name + ".reference.f64"));
        int vocabulary = description.vocab;
        return new GoldenModel(
                name,
                TestData.golden(name + ".pth"),
                description.tokens,
                description.cuts,
                description.greedy_next_16,
                rows(logits.length / vocabulary,
                        row -> Arrays.copyOfRange(logits, row * vocabulary, (row + 1) * vocabulary)),
                rows(exact.length / vocabulary,
                        row -> Arrays.copyOfRange(exact, row * vocabulary, (row + 1) * vocabulary)),
                canonicalState(description, TestData.floats(TestData.golden(name + ".state.f32"))));
    }

    private static <T> List<T> rows(int count, IntFunction<T> row) {
        return IntStream.range(0, count).mapToObj(row).toList();
    }

    /** The official matrices of versions 5 and 6 are [key][value], the engine's are [value][key] in all versions. */
    private static List<float[]> canonicalState(Description description, float[] official) {
        boolean transpose = description.version.startsWith("5") || description.version.startsWith("6");
        List<float[]> parts = new ArrayList<>();
        int position = 0;
        for (Part part : description.state) {
            int elements = Arrays.stream(part.shape).reduce(1, Math::multiplyExact);
            float[] values = Arrays.copyOfRange(official, position, position + elements);
            parts.add(transpose && part.shape.length == 3 ? transposed(values, part.shape[1]) : values);
            position += elements;
        }
        if (position != official.length) {
            throw new IllegalStateException(
                    "the state has " + official.length + " values, its description " + position);
        }
        return parts;
    }

    private static float[] transposed(float[] matrices, int n) {
        float[] result = new float[matrices.length];
        for (int i = 0; i < matrices.length; i++) {
            int matrix = i / (n * n);
            int row = i / n % n;
            int column = i % n;
            result[(matrix * n + column) * n + row] = matrices[i];
        }
        return result;
    }

    /** The fields of the JSON file that are used, by its names. */
    private record Description(
            String version, int vocab, int[] tokens, int[] cuts, int[] greedy_next_16, List<Part> state) {
    }

    private record Part(String name, int[] shape) {
    }
}
