/** The grammar of the demo model's stories, and the check whether a story follows it. */
package dev.rwkv4j.tool.demo;
