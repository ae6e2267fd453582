package dev.rwkv4j.tool;

import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.Terminal;
import dev.rwkv4j.tool.cli.UsageException;
import dev.rwkv4j.tool.quality.Predictions;
import dev.rwkv4j.tool.quality.TextTokens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The text that models have to predict, as the options say.
 *
 * @param file the text, or {@link TextInput#STANDARD_INPUT}
 * @param context after how many tokens the state is emptied
 */
record ScoredText(Path file, int context) {
    static final String FILE = "file";
    private static final String CONTEXT = "context";
    private static final int LEAST_CONTEXT = 2;

    /** The options of a command that lets one model read a text. */
    static Manual.Builder modelAndText(Manual.Builder manual) {
        Manual.Builder model = ModelArguments.vocabulary(ModelArguments.threads(ModelArguments.model(manual)));
        return options(model, "the text, UTF-8; - is the standard input (required)");
    }

    static Manual.Builder options(Manual.Builder manual, String file) {
        return manual.section("Text")
                .value("f", FILE, "FILE", file)
                .value("c", CONTEXT, "N",
                        "begin anew after every N tokens, as tools do whose models have a limited context; "
                                + "the first of N is not predicted (default: the state goes through the whole text)");
    }

    static ScoredText of(Arguments arguments) throws UsageException {
        return new ScoredText(
                arguments.requiredPath(FILE),
                arguments.integer(CONTEXT, Predictions.UNLIMITED, LEAST_CONTEXT, Integer.MAX_VALUE));
    }

    boolean isStandardInput() {
        return file.equals(TextInput.STANDARD_INPUT);
    }

    TextTokens open(Tokenizer tokenizer, Terminal terminal) throws IOException {
        return new TextTokens(TextInput.open(file, terminal), tokenizer);
    }

    Predictions predictions(TextTokens tokens, int most) {
        return new Predictions(tokens, context, most);
    }

    /** Length in bytes; 0 if it is not known before the end. */
    long bytes() throws IOException {
        return Files.isRegularFile(file) ? Files.size(file) : 0;
    }

    /** What is wrong with a text in which nothing was predicted. */
    IOException tooShort() {
        return new IOException((isStandardInput() ? "the standard input" : file)
                + ": the text is too short, expected at least two tokens");
    }

    String describeContext() {
        return context == Predictions.UNLIMITED ? "whole text" : context + " tokens";
    }
}
