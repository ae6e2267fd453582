/** Charts as SVG. */
package dev.rwkv4j.tool.chart;
