/*
 * Matrices that lie by column times one activation row, as formulas; see matrix_scalar.c for those of a block.
 *
 * A tile of rows at a time: with a group of activations x_e = d x'_e, of which only those that are not 0 are looked at,
 *
 *     y_r += d (scale_r sum((q_re - zero) x'_e) + minimum_r sum(x'_e))
 */
#include "../../quant/blocks.h"
#include "../columns.h"

#define X(NAME, name) multiply_columns_kernel scalar_multiply_columns_##name;
RWKV_COLUMN_TYPES(X)
#undef X

/* ------------------------------------------------------------------ block formats */

/* sum[r] += x times a column of a tile. */
typedef void add_column(int32_t sum[COLUMN_TILE], const void *column, int x);

static void add_q8_0(int32_t sum[COLUMN_TILE], const void *column, int x) {
    const int8_t *q = column;
    for (size_t r = 0; r < COLUMN_TILE; r++) sum[r] += q[r] * x;
}

static void add_q4_1(int32_t sum[COLUMN_TILE], const void *column, int x) {
    const uint8_t *q = column;
    for (size_t i = 0; i < COLUMN_TILE / 2; i++) {
        sum[i] += (q[i] & 15) * x;
        sum[COLUMN_TILE / 2 + i] += (q[i] >> 4) * x;
    }
}

static void add_q4_0(int32_t sum[COLUMN_TILE], const void *column, int x) {
    add_q4_1(sum, column, x);
    for (size_t r = 0; r < COLUMN_TILE; r++) sum[r] -= 8 * x;
}

static void add_iq4_nl(int32_t sum[COLUMN_TILE], const void *column, int x) {
    const uint8_t *q = column;
    for (size_t i = 0; i < COLUMN_TILE / 2; i++) {
        sum[i] += iq4_nl_values[q[i] & 15] * x;
        sum[COLUMN_TILE / 2 + i] += iq4_nl_values[q[i] >> 4] * x;
    }
}

static void multiply_blocks(float *y, const char *matrix, size_t rows, const void *x, size_t n, size_t first,
                            size_t groups, enum weight_type type, add_column *add) {
    const size_t all_rows = column_rows(rows), tile_bytes = column_tile_bytes(type);
    memset(y, 0, all_rows * sizeof *y);
    for (size_t g = first; g < first + groups; g++) {
        const char *scales = matrix + g * column_scale_bytes(type, rows);
        const char *minima = type == WEIGHT_Q4_1 ? scales + all_rows * 2 : NULL;
        const char *columns = matrix + column_offset(type, rows, n) + g * Q8_GROUP * column_bytes(type, rows);
        const int8_t *q = (const int8_t *)x + g * Q8_GROUP;
        const float d = q8_row_scales(x, n)[g], x_sum = q8_row_sums(x, n)[g];
        for (size_t tile = 0; tile < all_rows / COLUMN_TILE; tile++) {
            int32_t sum[COLUMN_TILE] = {0};
            for (size_t e = 0; e < Q8_GROUP; e++)
                if (q[e] != 0) add(sum, columns + e * column_bytes(type, rows) + tile * tile_bytes, q[e]);
            for (size_t i = 0; i < COLUMN_TILE; i++) {
                const size_t r = tile * COLUMN_TILE + i;
                y[r] += load_f16(scales + 2 * r) * d * (float)sum[i];
                if (minima) y[r] += load_f16(minima + 2 * r) * x_sum;
            }
        }
    }
}

#define MULTIPLY_BLOCKS(NAME, name)                                                                                    \
    void scalar_multiply_columns_##name(float *y, const void *matrix, size_t rows, const void *x, size_t n,            \
                                        size_t first, size_t groups) {                                                 \
        multiply_blocks(y, matrix, rows, x, n, first, groups, WEIGHT_##NAME, add_##name);                              \
    }

MULTIPLY_BLOCKS(Q8_0, q8_0)
MULTIPLY_BLOCKS(Q4_0, q4_0)
MULTIPLY_BLOCKS(Q4_1, q4_1)
MULTIPLY_BLOCKS(IQ4_NL, iq4_nl)

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
