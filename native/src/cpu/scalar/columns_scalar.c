/*
 * Matrices that lie by column times one activation row, as formulas; see matrix_scalar.c for those of a block.
 *
 * A tile of rows at a time: with a group of activations x_e = d x'_e, or with half of one, of which only those that are
 * not 0 are looked at,
 *
 *     y_r += d (scale_r sum((q_re - zero) x'_e) + minimum_r sum(x'_e))
 */
#include "../../quant/blocks.h"
#include "../columns.h"

#define X(NAME, name) multiply_columns_kernel scalar_multiply_columns_##name;
RWKV_WEIGHT_TYPES(X)
#undef X

/* ------------------------------------------------------------------ block formats */

/* sum[r] += x times a number of `bits` bits of each row of a tile. */
static inline void add_bits(int32_t sum[COLUMN_TILE], const uint8_t *q, const size_t bits, int x) {
    const size_t bytes = column_tile_bytes(bits);
    for (size_t first = 0; first < COLUMN_TILE; first += bytes)
        for (size_t i = 0; i < bytes; i++) sum[first + i] += (q[i] >> bits * first / bytes & ((1 << bits) - 1)) * x;
}

static inline void add_signed_bytes(int32_t sum[COLUMN_TILE], const int8_t *q, int x) {
    for (size_t r = 0; r < COLUMN_TILE; r++) sum[r] += q[r] * x;
}

static inline void add_looked_up(int32_t sum[COLUMN_TILE], const uint8_t *q, int x) {
    for (size_t i = 0; i < COLUMN_TILE / 2; i++) {
        sum[i] += iq4_nl_values[q[i] & 15] * x;
        sum[COLUMN_TILE / 2 + i] += iq4_nl_values[q[i] >> 4] * x;
    }
}

/* sum[r] += x times a column of a tile, without the zero. */
static inline void add_column(int32_t sum[COLUMN_TILE], const char *column, size_t rows, size_t tile,
                              const enum weight_type type, int x) {
    const size_t lower = column_lower_bits(type), upper = column_upper_bits(type);
    const void *q = column + tile * column_tile_bytes(lower);
    const void *upper_q = column + column_lower_bytes(type, rows) + tile * column_tile_bytes(upper);
    switch (type) {
    case WEIGHT_Q8_0: add_signed_bytes(sum, q, x); break;
    case WEIGHT_IQ4_NL: add_looked_up(sum, q, x); break;
    default: add_bits(sum, q, lower, x);
    }
    if (upper) add_bits(sum, upper_q, upper, x * (1 << lower));
}

/* What the scales of a block are multiplied by, in half `half` of a group; `parts`: those of the group, for a row. */
struct factors {
    float scale, minimum;
};

static inline struct factors factors_of(const enum weight_type type, const uint8_t *parts, size_t stride, size_t half) {
    if (!column_has_parts(type)) return (struct factors){1, 1};
    const int first = parts[0], second = parts[stride], own = half == 0 ? first : second;
    if (!column_has_halves(type)) return (struct factors){(float)first, -(float)second};
    if (type == WEIGHT_Q2_K) return (struct factors){(float)(own & 15), -(float)(own >> 4)};
    return (struct factors){(float)(int8_t)own, 0};
}

/* The half groups `half` to `end` - 1 of group g. */
static inline void multiply_halves(float *y, const char *matrix, size_t rows, const void *x, size_t n, size_t g,
                                   size_t half, size_t end, const enum weight_type type) {
    const size_t all_rows = column_rows(rows);
    const char *scales = matrix + column_scale_offset(type, rows, g), *minima = scales + all_rows * 2;
    const uint8_t *parts = (const uint8_t *)matrix + column_part_offset(type, rows, g);
    const char *columns = matrix + column_offset(type, rows, n) + g * Q8_GROUP * column_bytes(type, rows);
    const int8_t *q = (const int8_t *)x + g * Q8_GROUP;
    const float d = q8_row_scales(x, n)[g];
    int x_sum = 0;
    for (size_t h = half; h < end; h++) x_sum += q8_row_halves(x, n)[2 * g + h];
    for (size_t tile = 0; tile < all_rows / COLUMN_TILE; tile++) {
        int32_t sum[COLUMN_TILE] = {0};
        for (size_t e = half * Q8_GROUP / 2; e < end * Q8_GROUP / 2; e++)
            if (q[e] != 0) add_column(sum, columns + e * column_bytes(type, rows), rows, tile, type, q[e]);
        for (size_t i = 0; i < COLUMN_TILE; i++) {
            const size_t r = tile * COLUMN_TILE + i, at = column_place(r);
            const struct factors factors = factors_of(type, parts + at, all_rows, half);
            y[r] += load_f16(scales + 2 * at) * factors.scale * d * (float)(sum[i] - column_zero(type) * x_sum);
            if (column_has_minimum(type)) y[r] += load_f16(minima + 2 * at) * factors.minimum * d * (float)x_sum;
        }
    }
}

static inline void multiply_blocks(float *y, const char *matrix, size_t rows, const void *x, size_t n, size_t first,
                                   size_t groups, const enum weight_type type) {
    memset(y, 0, column_rows(rows) * sizeof *y);
    for (size_t g = first; g < first + groups; g++) {
        if (column_has_halves(type)) {
            multiply_halves(y, matrix, rows, x, n, g, 0, 1, type);
            multiply_halves(y, matrix, rows, x, n, g, 1, 2, type);
        } else {
            multiply_halves(y, matrix, rows, x, n, g, 0, 2, type);
        }
    }
}

#define MULTIPLY_BLOCKS(NAME, name)                                                                                    \
    void scalar_multiply_columns_##name(float *y, const void *matrix, size_t rows, const void *x, size_t n,            \
                                        size_t first, size_t groups) {                                                 \
        multiply_blocks(y, matrix, rows, x, n, first, groups, WEIGHT_##NAME);                                          \
    }

RWKV_BLOCK_TYPES(MULTIPLY_BLOCKS)

/* ------------------------------------------------------------------ floats */

static float load_f32(const void *p) { return float_from_bits(load_u32(p)); }
static float load_bf16(const void *p) { return bf16_to_f32(load_u16(p)); }

#define MULTIPLY_FLOATS(NAME, name, element_bytes)                                                                     \
    void scalar_multiply_columns_##name(float *y, const void *matrix, size_t rows, const void *x, size_t n,            \
                                        size_t first, size_t groups) {                                                 \
        const float *activations = x;                                                                                  \
        const size_t all_rows = column_rows(rows);                                                                     \
        memset(y, 0, all_rows * sizeof *y);                                                                            \
        for (size_t c = first * Q8_GROUP; c < (first + groups) * Q8_GROUP && c < n; c++) {                             \
            const char *column = (const char *)matrix + c * column_bytes(WEIGHT_##NAME, rows);                         \
            if (activations[c] == 0) continue;                                                                         \
            for (size_t r = 0; r < all_rows; r++) y[r] += load_##name(column + r * element_bytes) * activations[c];    \
        }                                                                                                              \
    }

MULTIPLY_FLOATS(F32, f32, 4)
MULTIPLY_FLOATS(F16, f16, 2)
MULTIPLY_FLOATS(BF16, bf16, 2)
