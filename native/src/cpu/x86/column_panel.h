/* Where the part of a matrix by column (columns.h) lies that becomes a panel. Included after a tier's panels. */
#ifndef RWKV_COLUMN_PANEL_H
#define RWKV_COLUMN_PANEL_H

#include <immintrin.h>

#include "../columns.h"
#include "../simd/inline.h"

/* The part of a matrix that becomes a panel. */
struct column_panel {
    const char *scales, *minima; /* of the panel's first row, in the first group; minima: if the type has any */
    size_t scale_bytes;          /* from group to group */
    const char *column;          /* the first */
    size_t column_bytes;         /* from column to column */
    int nibble;                  /* 4 if the panel is in the upper halves of bytes, else 0 */
};

_Static_assert(COLUMN_TILE / 2 % PANEL_ROWS == 0, "a panel lies in one tile, in one half of its bytes");

INLINE struct column_panel column_panel_of(const void *matrix, size_t rows, size_t n, size_t first,
                                           const enum weight_type type) {
    const size_t tile_bytes = column_tile_bytes(type);
    const size_t row = first % COLUMN_TILE, half = COLUMN_TILE / 2;
    const bool is_upper = tile_bytes == half && row >= half;
    return (struct column_panel){
        .scales = (const char *)matrix + 2 * first,
        .minima = (const char *)matrix + 2 * (column_rows(rows) + first),
        .scale_bytes = column_scale_bytes(type, rows),
        .column = (const char *)matrix + column_offset(type, rows, n) + first / COLUMN_TILE * tile_bytes + row -
                  (is_upper ? half : 0),
        .column_bytes = column_bytes(type, rows),
        .nibble = is_upper ? 4 : 0,
    };
}

/* Fetches the scales of the fourth group after one: a line here and there, which no prefetcher foresees. */
INLINE void fetch_panel_scales(const struct column_panel *panel, size_t group) {
    const size_t at = (group + 4) * panel->scale_bytes;
    _mm_prefetch(panel->scales + at, _MM_HINT_T0);
    _mm_prefetch(panel->minima + at, _MM_HINT_T0);
}

#endif
