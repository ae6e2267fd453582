/** Quantisation: which tensor of a model gets which type. */
package dev.rwkv4j.tool.quantize;
