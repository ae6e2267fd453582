/** What the packages of this module share, and nobody else. */
package dev.rwkv4j.internal;
