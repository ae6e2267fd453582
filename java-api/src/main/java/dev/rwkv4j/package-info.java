/** RWKV language models: models, sessions and their state. */
package dev.rwkv4j;
