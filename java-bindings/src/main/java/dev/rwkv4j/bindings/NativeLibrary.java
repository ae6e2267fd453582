package dev.rwkv4j.bindings;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Finds and loads librwkv4j, once for the life of the class. The search order:
 *
 * <ol>
 * <li>the file that the system property {@value #PROPERTY} names; if it is set, nothing else is tried;
 * <li>the library for this operating system and processor in the jar, extracted into the user's cache
 * (see {@link LibraryCache}), or where that does not work into a private temporary folder.
 * </ol>
 *
 * A library of another {@code RWKV_API_VERSION} than that of the bindings is refused. All methods may be called
 * from any thread.
 */
public final class NativeLibrary {
    /** The system property that names the library's file. */
    public static final String PROPERTY = "dev.rwkv4j.library";

    private static volatile Loaded loaded;

    private record Loaded(Path file, SymbolLookup symbols) {
    }

    private NativeLibrary() {
    }

    /**
     * Loads the library, if that has not been done yet. A failure is not remembered: the next call tries again.
     *
     * @return the file it was loaded from
     * @throws NativeLibraryException if no library could be loaded; says what was tried, and why each failed
     */
    public static Path load() {
        return loaded().file;
    }

    /** Looks a symbol of the library up, for the generated bindings. */
    static Optional<MemorySegment> find(String symbol) {
        return loaded().symbols.find(symbol);
    }

    private static Loaded loaded() {
        Loaded present = loaded;
        if (present != null) {
            return present;
        }
        synchronized (NativeLibrary.class) {
            if (loaded == null) {
                loaded = search();
            }
            return loaded;
        }
    }

    private static Loaded search() {
        var attempts = new NativeLibraryException.Attempts();
        String override = System.getProperty(PROPERTY);
        Loaded found = override != null ? open(override, attempts) : openFromJar(attempts);
        if (found == null) {
            throw attempts.exception();
        }
        return found;
    }

    private static Loaded open(String override, NativeLibraryException.Attempts attempts) {
        String source = "system property " + PROPERTY;
        try {
            Path file = Path.of(override).toAbsolutePath();
            if (!Files.isRegularFile(file)) {
                attempts.failed(source, file + " is not a file");
                return null;
            }
            return open(source, file, attempts);
        } catch (InvalidPathException e) {
            attempts.failed(source, "not a path: " + e.getMessage());
            return null;
        }
    }

    private static Loaded openFromJar(NativeLibraryException.Attempts attempts) {
        String resource = "native/" + Platform.current() + "/" + System.mapLibraryName("rwkv4j");
        byte[] content;
        try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
            if (in == null) {
                attempts.failed("the jar",
                        "it has no library for " + Platform.current() + ": no resource dev/rwkv4j/bindings/"
                                + resource);
                return null;
            }
            content = in.readAllBytes();
        } catch (IOException e) {
            attempts.failed("the jar", "resource " + resource + " cannot be read: " + e);
            return null;
        }
        for (LibraryCache cache : LibraryCache.candidates()) {
            try {
                Loaded found = open(cache.name(), cache.install(System.mapLibraryName("rwkv4j"), content), attempts);
                if (found != null) {
                    return found;
                }
            } catch (IOException e) {
                attempts.failed(cache.name(), "the library cannot be extracted: " + e);
            }
        }
        return null;
    }

    private static Loaded open(String source, Path file, NativeLibraryException.Attempts attempts) {
        try {
            SymbolLookup symbols = lookup(file);
            int version = apiVersion(symbols);
            if (version == rwkv_h.RWKV_API_VERSION()) {
                return new Loaded(file, symbols);
            }
            attempts.failed(source, file + " has API version " + version + ", but these bindings need "
                    + rwkv_h.RWKV_API_VERSION());
        } catch (UnsatisfiedLinkError | RuntimeException e) {
            attempts.failed(source, file + " cannot be loaded: " + e.getMessage());
        }
        return null;
    }

    private static SymbolLookup lookup(Path file) {
        try {
            return SymbolLookup.libraryLookup(file, Arena.global());
        } catch (IllegalArgumentException e) {
            // The same once more, but this one says why it fails. The first is better where it works: it lets
            // several class loaders use one file.
            System.load(file.toString());
            return SymbolLookup.loaderLookup();
        }
    }

    private static int apiVersion(SymbolLookup symbols) {
        MemorySegment address = symbols.find("rwkv_api_version")
                .orElseThrow(() -> new UnsatisfiedLinkError("it is not librwkv4j: no symbol rwkv_api_version"));
        try {
            return (int) Linker.nativeLinker().downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_INT))
                    .invokeExact();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("a downcall throws no checked exception", e);
        }
    }
}
