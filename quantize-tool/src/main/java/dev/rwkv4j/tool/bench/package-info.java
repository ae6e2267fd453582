/** How fast models are, and how much memory they take. */
package dev.rwkv4j.tool.bench;
