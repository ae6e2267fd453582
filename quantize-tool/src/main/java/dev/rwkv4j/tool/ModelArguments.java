package dev.rwkv4j.tool;

import dev.rwkv4j.ModelOptions;
import dev.rwkv4j.RwkvModel;
import dev.rwkv4j.tokenizer.Tokenizer;
import dev.rwkv4j.tool.cli.Arguments;
import dev.rwkv4j.tool.cli.Manual;
import dev.rwkv4j.tool.cli.UsageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** The options by which commands are told which model to run, and on how many threads. */
final class ModelArguments {
    static final String MODEL = "model";
    static final String THREADS = "threads";
    static final String VOCABULARY = "vocab";
    static final String DENSE = "dense";
    static final int MOST_THREADS = 1024;

    private static final String VOCABULARY_DESCRIPTION = "take the tokenizer from this file, rwkv_vocab_v20230424.txt or a "
            + "tokenizer.json (default: that of the model)";

    private ModelArguments() {
    }

    static Manual.Builder model(Manual.Builder manual) {
        return manual.section("Model").value("m", MODEL, "FILE", "the model, a GGUF file (required)");
    }

    static Manual.Builder threads(Manual.Builder manual) {
        return manual.value("t", THREADS, "N", "threads that compute (default: one for each processor)");
    }

    static Manual.Builder vocabulary(Manual.Builder manual) {
        return manual.value("v", VOCABULARY, "FILE", VOCABULARY_DESCRIPTION);
    }

    static Manual.Builder dense(Manual.Builder manual) {
        return manual.flag(null, DENSE, "read all weights, those as well that are multiplied by zero");
    }

    /** Options that say nothing of the vocabulary. */
    static ModelOptions threads(Arguments arguments) throws UsageException {
        return ModelOptions.defaults().withThreads(arguments.integer(THREADS, 0, 1, MOST_THREADS));
    }

    /** Opens the model with all options. The caller closes it. */
    static RwkvModel load(Arguments arguments) throws UsageException, IOException {
        return RwkvModel.load(arguments.requiredPath(MODEL), options(arguments));
    }

    /** All options but the model. */
    static ModelOptions options(Arguments arguments) throws UsageException {
        ModelOptions options = threads(arguments).withDense(arguments.has(DENSE));
        Optional<Path> vocabulary = arguments.path(VOCABULARY);
        return vocabulary.isPresent() ? options.withVocabulary(vocabulary.get()) : options;
    }

    /** The tokenizer of a model that is given text. */
    static Tokenizer tokenizer(RwkvModel model, Path file) throws IOException {
        return model.tokenizer().orElseThrow(() -> noTokenizer(file));
    }

    static IOException noTokenizer(Path file) {
        return new IOException(file + ": the model has no tokenizer; --" + VOCABULARY + " FILE gives it one");
    }
}
