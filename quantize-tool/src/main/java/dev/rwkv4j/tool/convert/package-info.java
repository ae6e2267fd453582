/** Makes GGUF files of RWKV checkpoints in other formats. Entry point: {@link dev.rwkv4j.tool.convert.Conversion}. */
package dev.rwkv4j.tool.convert;
