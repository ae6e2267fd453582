package dev.rwkv4j.llamacpp;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;

/**
 * llama.cpp as others have built it: the functions of its {@code llama.h} that tests and comparisons need, for whichever
 * release lies in a folder. No layout of its structs is known here, since they change from release to release: what one
 * function returns goes unread to the next.
 *
 * <p>Of its log only the errors are kept, for the next exception. Once loaded, the libraries remain in the process.
 */
public final class LlamaCpp {
    /** Environment variable with the folder of the libraries. */
    public static final String FOLDER_VARIABLE = "RWKV4J_LLAMA_CPP";

    /** How to get them where the variable is not set, from the root of the repository. */
    public static final String INSTALL_COMMAND = "npm install --ignore-scripts --prefix build/llama node-llama-cpp";

    private static final String INSTALLED = "build/llama/node_modules/@node-llama-cpp";

    /**
     * Any struct that is passed or returned by value, for instance {@code llama_context_params} of 160 bytes. Calling
     * conventions return a struct of more than 16 bytes through a pointer, and pass it through one or as the last thing
     * on the stack; none has the callee see how long it is.
     */
    static final StructLayout ANY_STRUCT = MemoryLayout.structLayout(MemoryLayout.sequenceLayout(64, JAVA_LONG));

    /** Where {@code llama_model_quantize_params} has had its {@code ftype} since there is one. */
    private static final long QUANTIZE_FILE_TYPE = 4;

    private static final int LOG_LEVEL_ERROR = 4;
    private static final int DEVICE_TYPE_CPU = 0;

    private final SymbolLookup symbols;
    private final Queue<String> errors = new ConcurrentLinkedQueue<>();

    private LlamaCpp(SymbolLookup symbols) {
        this.symbols = symbols;
    }

    /** A function of the library. */
    record Function(MethodHandle handle) {
        /** Calls it. A function that returns a struct takes an allocator for it first. */
        Object call(Object... arguments) {
            try {
                return handle.invokeWithArguments(arguments);
            } catch (Throwable e) {
                throw new AssertionError("foreign functions throw nothing", e);
            }
        }

        MemorySegment pointer(Object... arguments) {
            return (MemorySegment) call(arguments);
        }

        int integer(Object... arguments) {
            return (int) call(arguments);
        }
    }

    /**
     * The folder with the libraries: that of the environment variable, or else the one that {@link #INSTALL_COMMAND} makes.
     *
     * @param repository root of the repository
     */
    public static Optional<Path> folder(Path repository) {
        String chosen = System.getenv(FOLDER_VARIABLE);
        String machine = switch (System.getProperty("os.arch")) {
            case "amd64" -> "x64";
            case "aarch64" -> "arm64";
            case String other -> other;
        };
        String platform = System.getProperty("os.name").toLowerCase(Locale.ROOT) + "-" + machine;
        Path folder = chosen != null
                ? Path.of(chosen)
                : repository.resolve(INSTALLED).resolve(platform).resolve("bins").resolve(platform);
        return Optional.of(folder).filter(Files::isDirectory);
    }

    /**
     * Loads the libraries of a folder.
     *
     * @throws IOException if they are not there
     */
    @SuppressWarnings("restricted")
    public static LlamaCpp load(Path folder) throws IOException {
        Path ggml = library(folder, "ggml");
        Path llama = library(folder, "llama");
        SymbolLookup symbols = SymbolLookup.libraryLookup(ggml, Arena.global())
                .or(SymbolLookup.libraryLookup(llama, Arena.global()));
        LlamaCpp loaded = new LlamaCpp(symbols);
        loaded.keepLog();
        // The family of kernels that suits the processor.
        loaded.function("ggml_backend_load_all_from_path", null, ADDRESS)
                .call(Arena.global().allocateFrom(folder.toAbsolutePath().toString()));
        loaded.function("llama_backend_init", null).call();
        return loaded;
    }

    /** For example {@code libllama.so} or {@code libllama.v0.5.0.so}, but not {@code libllama-common.so}. */
    private static Path library(Path folder, String name) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files
                    .filter(file -> file.getFileName().toString()
                            .matches("(lib)?" + name + "(\\..*)?\\.(so|dylib|dll)"))
                    .findFirst()
                    .orElseThrow(() -> new IOException(folder + ": no library " + name + " in it"))
                    .toAbsolutePath();
        }
    }

    @SuppressWarnings("restricted")
    private void keepLog() {
        FunctionDescriptor callback = FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, ADDRESS);
        try {
            MethodHandle log = MethodHandles.lookup().bind(this, "log",
                    MethodType.methodType(void.class, int.class, MemorySegment.class, MemorySegment.class));
            function("llama_log_set", null, ADDRESS, ADDRESS)
                    .call(Linker.nativeLinker().upcallStub(log, callback, Arena.global()), MemorySegment.NULL);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    @SuppressWarnings({"restricted", "unused"}) // the library calls it
    private void log(int level, MemorySegment text, MemorySegment context) {
        if (level == LOG_LEVEL_ERROR) {
            errors.add(text.reinterpret(Long.MAX_VALUE).getString(0).strip());
        }
    }

    /**
     * A function by its name.
     *
     * @param result null for void
     */
    Function function(String name, MemoryLayout result, MemoryLayout... parameters) {
        return function(symbols.findOrThrow(name), result, parameters);
    }

    /** A function of the kernels, which are in a library of their own. */
    Function processorFunction(String name, MemoryLayout result, MemoryLayout... parameters) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment device = function("ggml_backend_dev_by_type", ADDRESS, JAVA_INT).pointer(DEVICE_TYPE_CPU);
            MemorySegment backend = function("ggml_backend_dev_backend_reg", ADDRESS, ADDRESS).pointer(device);
            MemorySegment address = function("ggml_backend_reg_get_proc_address", ADDRESS, ADDRESS, ADDRESS)
                    .pointer(backend, call.allocateFrom(name));
            return function(address, result, parameters);
        }
    }

    @SuppressWarnings("restricted")
    private static Function function(MemorySegment address, MemoryLayout result, MemoryLayout... parameters) {
        FunctionDescriptor descriptor = result == null
                ? FunctionDescriptor.ofVoid(parameters)
                : FunctionDescriptor.of(result, parameters);
        return new Function(Linker.nativeLinker().downcallHandle(address, descriptor));
    }

    /** The exception for something that went wrong with a file, with what the library has said about it. */
    IOException failure(Path file, String what) {
        String said = String.join("; ", errors);
        errors.clear();
        return new IOException(file + ": llama.cpp cannot " + what + " it: " + said);
    }

    /**
     * Opens a model.
     *
     * @throws IOException if llama.cpp cannot read it
     */
    public LlamaCppModel open(Path file, int threads) throws IOException {
        return new LlamaCppModel(this, file, threads);
    }

    /**
     * Quantises a file, as {@code llama-quantize} does it.
     *
     * @param fileType of {@code enum llama_ftype}
     * @throws IOException if llama.cpp cannot read the one or write the other
     */
    public void quantize(Path source, Path target, int fileType) throws IOException {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment params = function("llama_model_quantize_default_params", ANY_STRUCT)
                    .pointer((SegmentAllocator) call);
            params.set(JAVA_INT, QUANTIZE_FILE_TYPE, fileType);
            int status = function("llama_model_quantize", JAVA_INT, ADDRESS, ADDRESS, ADDRESS)
                    .integer(call.allocateFrom(source.toString()), call.allocateFrom(target.toString()), params);
            if (status != 0) {
                throw failure(source, "quantize");
            }
        }
    }
}
