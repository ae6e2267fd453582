package dev.rwkv4j.llamacpp;

import static dev.rwkv4j.testdata.Difference.relative;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.RwkvSession;
import dev.rwkv4j.gguf.GgmlType;
import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.reference.Activations;
import dev.rwkv4j.reference.ReferenceModel;
import dev.rwkv4j.testdata.GoldenModel;
import dev.rwkv4j.testdata.TestData;
import dev.rwkv4j.tool.convert.Conversion;
import dev.rwkv4j.tool.convert.ConversionProgress;
import dev.rwkv4j.tool.quantize.Mix;
import dev.rwkv4j.tool.quantize.Quantization;
import dev.rwkv4j.tool.random.MatrixTypes;
import dev.rwkv4j.tool.random.MatrixTypes.Kind;
import dev.rwkv4j.tool.random.ModelShape;
import dev.rwkv4j.tool.random.ModelShape.LowRanks;
import dev.rwkv4j.tool.random.ModelShape.Version;
import dev.rwkv4j.tool.random.RandomModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A llama.cpp from a package registry reads the files that are written here, and files that it has written are read here,
 * with the same logits.
 *
 * <p>The two engines round activations differently, so that their logits differ by what that costs, which a random model
 * shows enlarged. Each is therefore compared with the equations in double precision with its own rounding, where nothing
 * remains but the order of sums.
 */
class LlamaCppTest {
    /** Relative to the largest logit. */
    private static final double TOLERANCE = 1e-5;

    /**
     * Between the two engines, in the median of some texts: what rounding activations to F16 may cost (2^-11 each), to
     * BF16 (2^-8) and to integers. Measured are up to 6e-4, 6e-3 and, in blocks of 256, 4e-2.
     */
    private static final double FLOAT16_COST = 2e-3;
    private static final double BFLOAT16_COST = 2e-2;
    private static final double INTEGER_COST = 6e-2;

    /**
     * Types for which {@link Activations#LLAMA_CPP} is not the whole truth. F16: so many values are rounded that in each
     * text one that lies between two numbers of this type is rounded to different ones.
     */
    private static final Set<GgmlType> NOT_TO_ROUNDING = EnumSet.of(GgmlType.F16, GgmlType.Q4_1, GgmlType.Q5_1);

    /** Of {@code enum llama_ftype}, and the type that it gives most matrices. */
    private static final Map<Integer, GgmlType> FILE_TYPES = Map.of(2, GgmlType.Q4_0, 7, GgmlType.Q8_0, 15,
            GgmlType.Q4_K, 17, GgmlType.Q5_K, 18, GgmlType.Q6_K);

    private static final int VOCABULARY = 256;

    /** Lengths of texts: llama.cpp has other kernels where four tokens or more are evaluated at once. */
    private static final int[] ONE_TOKEN = {1, 1, 1, 1, 1};
    private static final int[] SOME_TOKENS = {2, 3, 4, 5, 8};

    private static LlamaCpp llamaCpp;

    @TempDir
    private Path folder;

    @BeforeAll
    static void load() throws IOException {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "llama.cpp rounds differently on other processors");
        Optional<Path> libraries = LlamaCpp.folder(TestData.repository());
        assumeTrue(libraries.isPresent(),
                () -> "no llama.cpp: " + LlamaCpp.INSTALL_COMMAND + ", or set " + LlamaCpp.FOLDER_VARIABLE);
        llamaCpp = LlamaCpp.load(libraries.get());
    }

    @ParameterizedTest
    @ValueSource(strings = {"rwkv6", "rwkv7", "rwkv7-bf16"})
    void convertedCheckpointsHaveTheOfficialLogits(String name) throws IOException {
        GoldenModel golden = GoldenModel.read(name);
        Path file = folder.resolve("model.gguf");
        Conversion.defaults().withType(GgmlType.F32).run(golden.checkpoint(), file, ConversionProgress.NONE);
        try (LlamaCppModel model = llamaCpp.open(file, 2)) {
            for (int cut = 0; cut < golden.cuts().length; cut++) {
                model.reset();
                model.feed(Arrays.copyOf(golden.tokens(), golden.cuts()[cut]));
                assertThat(relative(model.logits(), golden.exactLogits().get(cut))).isLessThan(TOLERANCE);
            }
        }
    }

    static Stream<Arguments> versionsAndTypes() {
        return Stream.of(Version.V6, Version.V7)
                .flatMap(version -> Arrays.stream(GgmlType.values()).map(type -> Arguments.of(version, type)));
    }

    @ParameterizedTest
    @MethodSource("versionsAndTypes")
    void readsOurFiles(Version version, GgmlType type) throws IOException {
        Path file = folder.resolve("model.gguf");
        Quantization.to(Mix.uniform(type)).run(randomModel(version, GgmlType.F32), file, ConversionProgress.NONE);
        assertSameLogits(file, type);
    }

    static Stream<Arguments> versionsAndFileTypes() {
        return Stream.of(Version.V6, Version.V7)
                .flatMap(version -> FILE_TYPES.keySet().stream().map(fileType -> Arguments.of(version, fileType)));
    }

    @ParameterizedTest
    @MethodSource("versionsAndFileTypes")
    void itsFilesAreReadHere(Version version, int fileType) throws IOException {
        Path file = folder.resolve("quantized.gguf");
        llamaCpp.quantize(randomModel(version, GgmlType.F16), file, fileType);
        assertSameLogits(file, FILE_TYPES.get(fileType));
    }

    private void assertSameLogits(Path path, GgmlType type) throws IOException {
        try (GgufFile file = GgufFile.open(path);
                RwkvModel model = RwkvModel.load(path);
                LlamaCppModel other = llamaCpp.open(path, 2)) {
            assertThat(file.tensor("blk.0.time_mix_key.weight").type()).isEqualTo(type);
            ReferenceModel asOurs = ReferenceModel.load(file, Activations.ofEngine(file));
            ReferenceModel asTheirs = ReferenceModel.load(file, Activations.LLAMA_CPP);
            for (int[] lengths : List.of(ONE_TOKEN, SOME_TOKENS)) {
                Random random = new Random(1);
                List<Double> ours = new ArrayList<>();
                List<Double> theirs = new ArrayList<>();
                List<Double> between = new ArrayList<>();
                for (int length : lengths) {
                    int[] tokens = random.ints(length, 0, VOCABULARY).toArray();
                    other.reset();
                    other.feed(tokens);
                    try (RwkvSession session = model.newSession()) {
                        session.feed(tokens);
                        ours.add(relative(session.logits(), asOurs.evaluate(asOurs.newState(), tokens)));
                        theirs.add(relative(other.logits(), asTheirs.evaluate(asTheirs.newState(), tokens)));
                        between.add(relative(session.logits(), other.logits()));
                    }
                }
                // In the best: now and then a value that lies between two integers is rounded to different ones.
                assertThat(Collections.min(ours)).isLessThan(TOLERANCE);
                if (!NOT_TO_ROUNDING.contains(type)) {
                    assertThat(Collections.min(theirs)).isLessThan(TOLERANCE);
                }
                assertThat(between.stream().sorted().toList().get(between.size() / 2)).isLessThan(switch (type) {
                    case F32 -> TOLERANCE;
                    case F16 -> FLOAT16_COST;
                    case BF16 -> BFLOAT16_COST;
                    default -> INTEGER_COST;
                });
            }
        }
    }

    /** Two layers, rows that hold blocks of 256, heads of the published size. Low-rank matrices are F32. */
    private Path randomModel(Version version, GgmlType type) throws IOException {
        Path file = folder.resolve("random.gguf");
        ModelShape shape = new ModelShape(version, 2, 256, 64, 512, VOCABULARY, new LowRanks(32, 32, 32, 32, 32));
        MatrixTypes types = (_, kind) -> kind == Kind.LARGE ? type : GgmlType.F32;
        new RandomModel(shape, types, 1).write(file, _ -> {
        });
        return file;
    }
}
