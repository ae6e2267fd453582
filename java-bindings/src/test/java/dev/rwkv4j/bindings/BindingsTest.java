package dev.rwkv4j.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.PaddingLayout;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The checked-in bindings match {@code rwkv.h} as the C compiler sees it, and the library that was built. */
class BindingsTest {
    private static final Path MODULE = Path.of("").toAbsolutePath();
    private static final Path SOURCES = MODULE.resolve(Path.of("src", "main", "java", "dev", "rwkv4j", "bindings"));

    @Test
    void constantsStructsAndFieldsAreThoseOfTheCCompiler() throws Exception {
        List<String> header = headerFacts();

        List<String> bindings = new ArrayList<>();
        for (String fact : header) {
            String[] words = fact.split(" ");
            switch (words[0]) {
                case "constant" ->
                    bindings.add("constant " + words[1] + " " + rwkv_h.class.getMethod(words[1]).invoke(null));
                case "struct" -> bindings.addAll(factsOf(words[1]));
                case "field" -> { // comes with its struct
                }
                default -> throw new AssertionError(fact);
            }
        }

        assertThat(header).hasSizeGreaterThan(50);
        assertThat(bindings).isEqualTo(header);
    }

    @Test
    void everyStructAndConstantOfTheHeaderIsCompared() throws Exception {
        String header = header();
        List<String> names = new ArrayList<>(find(header, "^struct (rwkv_\\w+) \\{"));
        names.addAll(find(header, "^    (RWKV_\\w+) = \\d+"));
        names.addAll(find(header, "^#define (RWKV_\\w+) \\d+"));

        assertThat(headerFacts().stream().filter(fact -> !fact.startsWith("field")).map(fact -> fact.split(" ")[1]))
                .containsExactlyInAnyOrderElementsOf(names);
    }

    @Test
    void everyFunctionOfTheHeaderIsBound() throws IOException {
        List<String> declared = declaredFunctions();

        assertThat(declared).hasSizeGreaterThan(10);
        assertThat(Arrays.stream(rwkv_h.class.getMethods()).map(Method::getName)
                .filter(name -> name.endsWith("$descriptor")).map(name -> name.replace("$descriptor", "")))
                .containsExactlyInAnyOrderElementsOf(declared);
    }

    @Test
    void generatingThemAgainChangesNothing(@TempDir Path folder) throws Exception {
        assumeTrue(System.getenv("JEXTRACT") != null, "skipped: the environment variable JEXTRACT names no jextract");

        Process process = new ProcessBuilder(MODULE.resolve("regenerate").toString(), folder.toString())
                .redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();

        assertThat(generated(folder.resolve(Path.of("dev", "rwkv4j", "bindings")))).isEqualTo(generated(SOURCES));
    }

    /** In the words of header_facts: the struct, then its fields. */
    private static List<String> factsOf(String struct) throws ReflectiveOperationException {
        GroupLayout layout = (GroupLayout) Class.forName("dev.rwkv4j.bindings." + struct).getMethod("layout")
                .invoke(null);
        List<String> facts = new ArrayList<>();
        facts.add("struct " + struct + " " + layout.byteSize());
        for (MemoryLayout member : layout.memberLayouts()) {
            if (!(member instanceof PaddingLayout)) {
                String name = member.name().orElseThrow();
                facts.add("field " + struct + " " + name + " " + layout.byteOffset(PathElement.groupElement(name)) + " "
                        + member.byteSize());
            }
        }
        return facts;
    }

    private static List<String> headerFacts() throws IOException, InterruptedException {
        Path program = Path.of(System.getProperty("rwkv.nativeBuild"), "header_facts");
        Process process = new ProcessBuilder(program.toString()).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).isZero();
        return output.lines().toList();
    }

    private static List<String> declaredFunctions() throws IOException {
        return find(header(), "^RWKV_API [^(]*?\\b(rwkv_\\w+)\\(");
    }

    private static String header() throws IOException {
        return Files.readString(MODULE.resolveSibling(Path.of("native", "include", "rwkv.h")));
    }

    private static List<String> find(String text, String regex) {
        return Pattern.compile(regex, Pattern.MULTILINE).matcher(text).results().map(match -> match.group(1)).toList();
    }

    private static Map<String, String> generated(Path folder) throws IOException {
        Map<String, String> files = new TreeMap<>();
        try (Stream<Path> paths = Files.list(folder)) {
            for (Path path : new TreeSet<>(
                    paths.filter(path -> path.getFileName().toString().startsWith("rwkv_")).toList())) {
                files.put(path.getFileName().toString(), Files.readString(path));
            }
        }
        return files;
    }
}
