/* Where the part of a matrix by column (columns.h) lies that becomes a panel. Included after a tier's panels. */
#ifndef RWKV_COLUMN_PANEL_H
#define RWKV_COLUMN_PANEL_H

#include "../columns.h"
#include "../simd/inline.h"

/* The part of a matrix that becomes a panel. */
struct column_panel {
    const char *block; /* the first group */
    size_t block_bytes;
    size_t scales, minima; /* offsets in a block, of the panel's first row */
    size_t column;         /* the same of the first column */
    size_t column_bytes;
    int nibble; /* 4 if the panel is in the upper halves of bytes, else 0 */
};

_Static_assert(COLUMN_TILE / 2 % PANEL_ROWS == 0, "a panel lies in one tile, in one half of its bytes");

INLINE struct column_panel column_panel_of(const void *blocks, size_t rows, size_t first, const enum weight_type type) {
    const size_t all_rows = column_rows(rows), tile_bytes = column_tile_bytes(type);
    const size_t row = first % COLUMN_TILE, half = COLUMN_TILE / 2;
    const bool is_upper = tile_bytes == half && row >= half;
    return (struct column_panel){
        .block = blocks,
        .block_bytes = column_block_bytes(type, rows),
        .scales = 2 * first,
        .minima = 2 * (all_rows + first),
        .column = all_rows * column_scale_bytes(type) + first / COLUMN_TILE * tile_bytes + row - (is_upper ? half : 0),
        .column_bytes = column_bytes(type, rows),
        .nibble = is_upper ? 4 : 0,
    };
}

#endif
