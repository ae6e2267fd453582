/*
 * What packing does for memory (pack.inc).
 */
#ifndef RWKV_FETCH_ROWS_H
#define RWKV_FETCH_ROWS_H

#include "../kernels.h"
#include "inline.h"

/* While 8 groups of `count` rows are unpacked, from `group` on: fetches those of the `count` rows after them, which may
 * be the next panel's. Processors fetch ahead by themselves what lies in a row, but these are many pieces of two or
 * three cache lines at once. Into the second cache, since what is written meanwhile fills the first. Ends at a NULL. */
INLINE void fetch_next_rows(const char *const *rows, size_t count, size_t row_bytes, size_t n, size_t group) {
    const size_t bytes = row_bytes * 8 * Q8_GROUP / n;
    for (size_t r = 0; r < count && rows[r]; r++) {
        const char *next = rows[r] + count * row_bytes + bytes * group / 8;
        for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(next + at, 0, 2);
    }
}

#endif
