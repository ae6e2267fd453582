/*
 * What packs and gemms do for memory: what becomes the next panels is fetched (struct fetch in kernels.h). Rows are
 * unpacked several at once, many pieces of two or three cache lines, which no processor foresees.
 *
 * Evenly, a few lines with each step, since a processor has only some two dozen lines under way, and (Zen 4) forgets
 * what it is asked for beyond them. So it is better done while panels are multiplied, which takes most of the time,
 * than while they are packed, which takes a quarter of it: there a good part is lost. But with strips only, which leave
 * room in the first cache (Zen 4, sixteen sequences: 8 % faster than with whole panels).
 */
#ifndef RWKV_FETCH_NEXT_H
#define RWKV_FETCH_NEXT_H

#include "../kernels.h"
#include "inline.h"

/* Rows in a step, and lines of each: of what a strip has of a row in formats of 4 bits, all of them. */
enum { FETCH_ROWS = 4, FETCH_ROW_LINES = 4 };

/* Steps of packing. */
INLINE void fetch_pack_steps(struct fetch *fetch, const size_t steps) {
    if (!fetch) return;
    const char *line = fetch->line;
    for (size_t i = 0; i < fetch->pack_step * steps; i++, line += fetch->line_stride) __builtin_prefetch(line, 0, 2);
    fetch->line = line;
}

/* A step of a gemm. Without loops in loops, whose ends nobody could predict. */
INLINE void fetch_step(struct fetch *fetch) {
#ifdef PANEL_STRIP_TOKENS
    if (fetch->rows > 0) {
        const char *row = fetch->row;
        UNROLL
        for (int i = 0; i < FETCH_ROWS; i++, row += fetch->row_bytes) {
            UNROLL
            for (int line = 0; line < FETCH_ROW_LINES; line++) __builtin_prefetch(row + 64 * line, 0, 3);
        }
        fetch->row = row;
        fetch->rows -= FETCH_ROWS;
    }
    if (fetch->lines > 0) {
        const char *line = fetch->line;
        for (size_t i = 0; i < fetch->line_step; i++, line += fetch->line_stride) __builtin_prefetch(line, 0, 2);
        fetch->line = line;
        fetch->lines -= (ptrdiff_t)fetch->line_step;
    }
#else
    (void)fetch;
#endif
}

#endif
