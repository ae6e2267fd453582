/*
 * Matrices that lie in memory by column, so that columns which meet an activation of zero need not be read.
 *
 * The columns of a matrix [rows][n] are divided into groups of Q8_GROUP; where the last group is not whole, the columns
 * that it lacks are zeros. R is `rows` rounded up to whole tiles of COLUMN_TILE rows; rows that are not there are
 * zeros. First come the scales, block formats only, of all blocks of columns, which are a group or, in the formats with
 * blocks of 256, eight:
 *
 *     float16 scale[R]         of the block of each row
 *     float16 minimum[R]       if the type has one
 *     uint8_t parts[8][2][R]   blocks of 256 only, of each group: its scale and its minimum (Q4_K, Q5_K), or the scales
 *                              of its two halves (Q6_K and Q3_K signed, Q2_K with the minimum in the upper nibble)
 *
 * that of row r in the place column_place(r): of 64 rows the first 4 of each 16, then the second 4 of each, and so on.
 * So rows lie when four columns of bytes have been interleaved in lanes of 128 bits, and sums need not be put in order
 * before they are multiplied by their scales (Zen 4: with nine tenths of zeros 6 to 13 % faster).
 *
 * Then come all columns, of which each is
 *
 *     lower[R]                 its numbers, one after the other
 *     upper[R]                 their upper bits, if the type has such of their own: Q5 and Q3 one, Q6 two
 *
 * with the numbers as they are in the rows: floats, or the integers of block formats. Where they have less than 8 bits,
 * say b, the bytes of a tile are 16 b: byte i has the rows i, 16 b + i, 32 b + i and so on, from its lowest bits up. So
 * nothing is lost, and little gained in size: up to 4 % (Q3_K), since parts of scales are whole bytes, and what is
 * rounded up. Scales have a place of their own because nearly all are read, in one long run of memory, where of the
 * columns many are left out: between these they were read a sixth slower (Zen 4).
 *
 * The same for all tiers. A matrix is aligned to 64 bytes, and so are the scales of each block and both parts of each
 * column.
 */
#ifndef RWKV_COLUMNS_H
#define RWKV_COLUMNS_H

#include "kernels.h"

#define COLUMN_TILE 128

static inline size_t column_rows(size_t rows) { return (rows + COLUMN_TILE - 1) / COLUMN_TILE * COLUMN_TILE; }

static inline size_t column_groups(size_t n) { return (n + Q8_GROUP - 1) / Q8_GROUP; }

/* ------------------------------------------------------------------ numbers */

/* Bits of a number in the lower part of a column. */
static inline size_t column_lower_bits(enum weight_type type) {
    switch (type) {
    case WEIGHT_F16:
    case WEIGHT_BF16: return 16;
    case WEIGHT_Q8_0: return 8;
    case WEIGHT_Q4_0:
    case WEIGHT_Q4_1:
    case WEIGHT_Q5_0:
    case WEIGHT_Q5_1:
    case WEIGHT_IQ4_NL:
    case WEIGHT_Q4_K:
    case WEIGHT_Q5_K:
    case WEIGHT_Q6_K: return 4;
    case WEIGHT_Q2_K:
    case WEIGHT_Q3_K: return 2;
    default: return 32;
    }
}

/* The same of the upper part; 0: there is none. */
static inline size_t column_upper_bits(enum weight_type type) {
    switch (type) {
    case WEIGHT_Q5_0:
    case WEIGHT_Q5_1:
    case WEIGHT_Q5_K:
    case WEIGHT_Q3_K: return 1;
    case WEIGHT_Q6_K: return 2;
    default: return 0;
    }
}

/* The integer that stands for 0: value = scale * (integer - zero) + minimum. */
static inline int column_zero(enum weight_type type) {
    switch (type) {
    case WEIGHT_Q4_0: return 8;
    case WEIGHT_Q5_0: return 16;
    case WEIGHT_Q3_K: return 4;
    case WEIGHT_Q6_K: return 32;
    default: return 0;
    }
}

/* Bytes of `bits` bits of each row of a tile. */
static inline size_t column_tile_bytes(size_t bits) { return COLUMN_TILE / 8 * bits; }

/* Bytes of the lower part of a column: where the upper one begins. */
static inline size_t column_lower_bytes(enum weight_type type, size_t rows) {
    return (column_rows(rows) / 8 * column_lower_bits(type) + 63) / 64 * 64;
}

static inline size_t column_bytes(enum weight_type type, size_t rows) {
    return column_lower_bytes(type, rows) + (column_rows(rows) / 8 * column_upper_bits(type) + 63) / 64 * 64;
}

/* ------------------------------------------------------------------ scales */

static inline bool column_has_minimum(enum weight_type type) {
    return type == WEIGHT_Q4_1 || type == WEIGHT_Q5_1 || type == WEIGHT_Q2_K || type == WEIGHT_Q4_K ||
           type == WEIGHT_Q5_K;
}

/* Blocks of 256: scales are products. */
static inline bool column_has_parts(enum weight_type type) { return type >= WEIGHT_Q2_K; }

/* Half groups have scales of their own. */
static inline bool column_has_halves(enum weight_type type) {
    return type == WEIGHT_Q2_K || type == WEIGHT_Q3_K || type == WEIGHT_Q6_K;
}

static inline size_t column_block_groups(enum weight_type type) { return column_has_parts(type) ? 8 : 1; }

/* Which of the scales of a group is that of a row. For rows of whole 4, the other 3 follow. */
static inline size_t column_place(size_t row) {
    return row / 64 * 64 + row % 16 / 4 * 16 + row % 64 / 16 * 4 + row % 4;
}

/* From those of 4 rows to those of the next 4, in the same 16. */
#define COLUMN_PLACE_STEP 16

/* Bytes of the float16 of a block. */
static inline size_t column_block_scale_bytes(enum weight_type type, size_t rows) {
    return !weight_type_is_block(type) ? 0 : column_rows(rows) * (column_has_minimum(type) ? 4 : 2);
}

/* Bytes of the parts of a group. */
static inline size_t column_part_bytes(enum weight_type type, size_t rows) {
    return column_has_parts(type) ? column_rows(rows) * 2 : 0;
}

/* Where the scales of the block of a group are. */
static inline size_t column_scale_offset(enum weight_type type, size_t rows, size_t group) {
    const size_t groups = column_block_groups(type);
    return group / groups * (column_block_scale_bytes(type, rows) + groups * column_part_bytes(type, rows));
}

/* Where the parts of a group are. */
static inline size_t column_part_offset(enum weight_type type, size_t rows, size_t group) {
    return column_scale_offset(type, rows, group) + column_block_scale_bytes(type, rows) +
           group % column_block_groups(type) * column_part_bytes(type, rows);
}

/* ------------------------------------------------------------------ a matrix */

/* Where the first column is. */
static inline size_t column_offset(enum weight_type type, size_t rows, size_t n) {
    return column_scale_offset(type, rows, column_groups(n));
}

static inline size_t column_matrix_bytes(enum weight_type type, size_t rows, size_t n) {
    return column_offset(type, rows, n) + column_groups(n) * Q8_GROUP * column_bytes(type, rows);
}

#endif
