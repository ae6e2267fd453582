package dev.rwkv4j.endtoend;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Arrows run one way: tool to API to bindings. */
class ArchitectureTest {
    private static final String BINDINGS = "dev.rwkv4j.bindings..";
    private static final String TOOL = "dev.rwkv4j.tool..";
    private static final String[] API = {"dev.rwkv4j", "dev.rwkv4j.gguf..", "dev.rwkv4j.tokenizer..",
            "dev.rwkv4j.internal.."};

    private static JavaClasses classes;

    @BeforeAll
    static void read() {
        classes = new ClassFileImporter()
                .withImportOption(location -> new ImportOption.DoNotIncludeTests().includes(location)
                        && !location.contains("test-classes"))
                .importPackages("dev.rwkv4j");
    }

    @Test
    void bindingsKnowNothingAboveThem() {
        noClasses().that().resideInAPackage(BINDINGS).should().dependOnClassesThat().resideInAnyPackage(API)
                .check(classes);
        noClasses().that().resideInAPackage(BINDINGS).should().dependOnClassesThat().resideInAPackage(TOOL)
                .check(classes);
    }

    @Test
    void theApiKnowsNothingOfTheTool() {
        noClasses().that().resideInAnyPackage(API).should().dependOnClassesThat().resideInAPackage(TOOL).check(classes);
    }

    @Test
    void theToolUsesTheApiOnly() {
        noClasses().that().resideInAPackage(TOOL).should().dependOnClassesThat()
                .resideInAnyPackage(BINDINGS, "dev.rwkv4j.internal..").check(classes);
    }
}
