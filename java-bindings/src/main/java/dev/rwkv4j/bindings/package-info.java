/** The C library: its generated bindings, what loads it, and what turns its errors into exceptions. */
package dev.rwkv4j.bindings;
