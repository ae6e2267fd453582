/*
 * Tiles: the rows of a panel, two registers, times a few tokens, so many that the accumulators just fit the registers:
 * each load of weights is used for all tokens of the tile, each broadcast of activations for both registers. The tokens
 * that remain after whole tiles are done by smaller ones, which compute each token in the same order, so that its
 * result does not depend on its neighbours.
 *
 * A file of kernels includes its panels, the words of its registers (ymm.h or zmm.h) and this file, and defines
 * tile_PANEL(y, y_stride, panel, rows, x, x_stride, strip, fetch, tokens) with `tokens` a constant, of which
 * GEMM makes the kernel.
 */
#ifndef RWKV_TILES_H
#define RWKV_TILES_H

#include "../simd/fetch_next.h"

/* total += scale * d * sum */
INLINE floats add_scaled(floats total, const float *scale, floats d, integers sum) {
    return add_product(total, multiply(d, load_f32(scale)), to_floats(sum));
}

/* What there is of the results of a token. */
INLINE void load_rows(floats total[2], const float *y, size_t rows) {
    if (rows == PANEL_ROWS) {
        total[0] = load_f32(y);
        total[1] = load_f32(y + FLOATS);
    } else {
        float all[PANEL_ROWS] = {0};
        memcpy(all, y, rows * sizeof *y);
        total[0] = load_f32(all);
        total[1] = load_f32(all + FLOATS);
    }
}

/* The results of a token, of which the first `rows` are wanted. */
INLINE void store_rows(float *y, size_t rows, const floats total[2]) {
    if (rows == PANEL_ROWS) {
        store(y, total[0]);
        store(y + FLOATS, total[1]);
    } else if (rows > FLOATS) {
        store(y, total[0]);
        store_some(y + FLOATS, total[1], rows - FLOATS);
    } else {
        store_some(y, total[0], rows);
    }
}

/* What all tiles begin and end with. */
#define TOTALS(max_tokens)                                                                                             \
    floats total[max_tokens][2];                                                                                       \
    UNROLL                                                                                                             \
    for (int t = 0; t < tokens; t++) {                                                                                 \
        total[t][0] = total[t][1] = splat_float(0);                                                                    \
        if (strip->begin > 0) load_rows(total[t], y + (size_t)t * y_stride, rows);                                     \
    }

#define STORE_TOTALS                                                                                                   \
    UNROLL                                                                                                             \
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t])

/* ------------------------------------------------------------------ whole tiles, then the rest */

/* Of 8 tokens, tiles of 4 rather than one of 6 and one of 2, in which the multipliers wait for results. */
#define TILES(panel_name, size)                                                                                        \
    for (; tokens >= size && (size != 6 || tokens != 8);                                                               \
         tokens -= size, x_rows += size * x_stride, y += size * y_stride)                                              \
    tile_##panel_name(y, y_stride, panel, rows, x_rows, x_stride, strip, fetch, size)

#define GEMM(panel_name, largest)                                                                                      \
    void KERNEL(gemm_##panel_name)(float *y, size_t y_stride, const void *panel, size_t rows, const void *x,           \
                                   size_t x_stride, size_t tokens, const struct strip *strip, struct fetch *fetch) {   \
        const char *x_rows = x;                                                                                        \
        TILES(panel_name, largest);                                                                                    \
        TILES(panel_name, 4);                                                                                          \
        TILES(panel_name, 2);                                                                                          \
        TILES(panel_name, 1);                                                                                          \
    }

#endif
