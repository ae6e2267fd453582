/** Models of any shape with random weights, for measuring and testing. */
package dev.rwkv4j.tool.random;
