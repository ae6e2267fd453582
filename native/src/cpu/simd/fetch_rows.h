/*
 * What packing does for memory (pack.inc).
 *
 * Rows are unpacked several at once, many pieces of two or three cache lines, which no processor foresees. So while
 * some are unpacked, those behind them are fetched: evenly, a few lines with each group, since a processor has only
 * some two dozen lines under way, and (Zen 4) forgets what it is asked for beyond them. Into the second cache, since
 * what is written meanwhile fills the first.
 */
#ifndef RWKV_FETCH_ROWS_H
#define RWKV_FETCH_ROWS_H

#include <stddef.h>

#include "inline.h"

struct fetch {
    const char *next;
    size_t bytes; /* with each step */
};

/* Short rows are fetched from further away than the next ones are: unpacking these would not take as long as memory. */
enum { FETCH_LEAST = 16384 };

/* While `count` rows are unpacked in `steps` steps: as much of what lies behind them, be it another panel's. */
INLINE struct fetch fetch_behind(const char *rows, size_t count, size_t row_bytes, size_t steps) {
    const size_t bytes = count * row_bytes;
    return (struct fetch){rows + (bytes > FETCH_LEAST ? bytes : FETCH_LEAST), bytes / steps};
}

INLINE void fetch_step(struct fetch *fetch) {
    for (size_t at = 0; at < fetch->bytes; at += 64) __builtin_prefetch(fetch->next + at, 0, 2);
    fetch->next += fetch->bytes;
}

#endif
