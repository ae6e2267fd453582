/** What quantisation costs: how well models predict a text, and how far one model is from another. */
package dev.rwkv4j.tool.quality;
