/*
 * Matrices that lie in memory by column, so that columns which meet an activation of zero need not be read.
 *
 * The columns of a matrix [rows][n] are divided into groups of Q8_GROUP; where the last group is not whole, the columns
 * that it lacks are zeros. R is `rows` rounded up to whole tiles of COLUMN_TILE rows; rows that are not there are
 * zeros. First come the scales of all groups, block formats only:
 *
 *     float16 scale[R]      of the group of each row
 *     float16 minimum[R]    Q4_1 only
 *
 * then all columns:
 *
 *     column[R]             its numbers, one after the other
 *
 * with the numbers as they are in the rows: floats, or the integers of block formats. Those of 4 bits lie two in a
 * byte: of each tile, row i < 64 in the lower half of byte i, row 64 + i in its upper half. So nothing is lost, and
 * next to nothing gained in size. Scales have a place of their own because nearly all are read, in one long run of
 * memory, where of the columns many are left out: between these they were read a sixth slower (Zen 4).
 *
 * The same for all tiers. A matrix is aligned to 64 bytes, and so are the scales of each group and each column.
 */
#ifndef RWKV_COLUMNS_H
#define RWKV_COLUMNS_H

#include "kernels.h"

#define COLUMN_TILE 128

static inline size_t column_rows(size_t rows) { return (rows + COLUMN_TILE - 1) / COLUMN_TILE * COLUMN_TILE; }

static inline size_t column_groups(size_t n) { return (n + Q8_GROUP - 1) / Q8_GROUP; }

/* Bytes of one column of a tile; 0: the type has no such layout. */
static inline size_t column_tile_bytes(enum weight_type type) {
    switch (type) {
    case WEIGHT_F32: return COLUMN_TILE * 4;
    case WEIGHT_F16:
    case WEIGHT_BF16: return COLUMN_TILE * 2;
    case WEIGHT_Q8_0: return COLUMN_TILE;
    case WEIGHT_Q4_0:
    case WEIGHT_Q4_1:
    case WEIGHT_IQ4_NL: return COLUMN_TILE / 2;
    default: return 0;
    }
}

/* Bytes of the scale of a row, and of the minimum. */
static inline size_t column_row_scale_bytes(enum weight_type type) {
    return !weight_type_is_block(type) ? 0 : type == WEIGHT_Q4_1 ? 4 : 2;
}

/* Bytes of the scales of a group, and of the minima. */
static inline size_t column_scale_bytes(enum weight_type type, size_t rows) {
    return column_rows(rows) * column_row_scale_bytes(type);
}

static inline size_t column_bytes(enum weight_type type, size_t rows) {
    return column_rows(rows) / COLUMN_TILE * column_tile_bytes(type);
}

/* Where the first column is. */
static inline size_t column_offset(enum weight_type type, size_t rows, size_t n) {
    return column_groups(n) * column_scale_bytes(type, rows);
}

/* Bytes of a matrix. */
static inline size_t column_matrix_bytes(enum weight_type type, size_t rows, size_t n) {
    return column_offset(type, rows, n) + column_groups(n) * Q8_GROUP * column_bytes(type, rows);
}

#endif
