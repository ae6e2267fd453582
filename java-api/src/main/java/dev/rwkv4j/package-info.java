/**
 * RWKV language models: models, sessions and their state.
 *
 * <p>{@snippet :
 * try (RwkvModel model = RwkvModel.load(Path.of("rwkv7-0.1b-q8_0.gguf"));
 *         RwkvSession session = model.newSession()) {
 *     session.feed("User: Why is the sky blue?\n\nAssistant:");
 *     session.generate(Sampling.defaults().withStop("\n\n"), System.out::print);
 * }
 * }
 *
 * <p>A {@link dev.rwkv4j.RwkvModel} is shared by all threads, a {@link dev.rwkv4j.RwkvSession} reads one text and belongs to
 * one thread at a time, a {@link dev.rwkv4j.RwkvState} is what a session remembers, as a value. What is closed stays closed:
 * using it throws {@link java.lang.IllegalStateException}. Files that are damaged or not of the right kind are an
 * {@link java.io.IOException} that says what is wrong.
 *
 * <p>The library allocates the memory of models and states outside of Java's heap; a JVM with {@code -Xmx64m} runs every
 * model. It needs the permission to call native code: {@code --enable-native-access=dev.rwkv4j.bindings} on the module
 * path, {@code --enable-native-access=ALL-UNNAMED} on the class path.
 */
package dev.rwkv4j;
