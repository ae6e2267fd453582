/** What the commands share: their manuals, the arguments that were typed, the terminal, and how figures are shown. */
package dev.rwkv4j.tool.cli;
