/**
 * Tokenizers: text to token ids and back.
 *
 * <p>{@link dev.rwkv4j.tokenizer.WorldTokenizer} serves World and all later models,
 * {@link dev.rwkv4j.tokenizer.NeoxTokenizer} the Pile and Raven models, {@link dev.rwkv4j.tokenizer.ByteTokenizer} models
 * of single bytes. {@link dev.rwkv4j.tokenizer.Tokenizer#of} takes the one that is stored in a GGUF file,
 * {@link dev.rwkv4j.tokenizer.Tokenizers#read} that of a vocabulary file. All are immutable and safe for all threads.
 */
package dev.rwkv4j.tokenizer;
