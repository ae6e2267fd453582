/**
 * The GGUF model format: a validating reader over a memory mapping, and a streaming writer.
 *
 * <p>The container is described in ggml's {@code docs/gguf.md}; the project's {@code docs/formats.md} lists the names and
 * shapes that RWKV models have in it. Everything a reader hands out has been checked against the length of the file
 * before, so that a damaged or hostile file ends in a {@link dev.rwkv4j.gguf.GgufFormatException}.
 */
package dev.rwkv4j.gguf;
