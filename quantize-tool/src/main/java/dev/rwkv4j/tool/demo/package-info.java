/** The demo model, the grammar of its stories, and the check whether a story follows it. */
package dev.rwkv4j.tool.demo;
