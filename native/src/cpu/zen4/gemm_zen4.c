/*
 * Paired panels times activations (RWKV_PAIRED_PANELS in kernels.h), for processors of the Zen 4 kind.
 *
 * These have four pipes for vectors. Two multiply, the other two add only: the AVX-512 kernel, eight vpdpbusd, half a
 * vpdpwssd and two float multiplications for each register of rows, keeps two of them busy and the others idle. With
 * four vpdpbusd and eight subtractions of bytes in their place, 16 operations instead of 10.5, all four work: 8 cycles
 * of two pairs of pipes instead of 10.5 of one (measured on Zen 4: 220 instead of 173 thousand million multiply-adds a
 * second and core). Where multiplying and adding share their pipes, on Intel's processors, it would be slower.
 *
 * Of the 16 operations 6 need a pipe that multiplies, the others had better be spared: one of the four runs is not
 * paired, two vpdpbusd instead of one and two subtractions. That makes 15, of which 7 multiply, and 228 thousand
 * million. It is the first run, so that the one that has to wait for more of its own results is not the last.
 *
 * The tile is as in AVX-512. What pairs add is integer and exact.
 */
#include "../x86/zmm.h"
#include "panels_zen4.h"
/* which need those */
#include "../x86/tiles.h"

#define KERNEL(name) zen4_##name
enum { MAX_TILE = 6 };

_Static_assert(UNPAIRED == PANEL_RUN, "one run");

#define X(NAME, name) gemm_kernel KERNEL(gemm_##name);
RWKV_PAIRED_PANELS(X)
#undef X

/* The activations of row t for group g. */
INLINE const struct paired_group *paired_of(const char *x, size_t x_stride, size_t n, int t, size_t g) {
    return &paired_row_groups(x + (size_t)t * x_stride, n)[g];
}

/* sum += (x1 - w0) (x0 - w1) for group g, with w as they are kept. */
INLINE void add_pairs(integers sum[MAX_TILE][2], const struct s4_group *group, const char *x, size_t x_stride, size_t n,
                      size_t g, const int tokens) {
    const integers *weights = (const integers *)group->q;
    UNROLL
    for (int k = 0; k < 4; k++) {
        const integers w00 = load(weights + 2 * k), w01 = load(weights + 2 * k + 1);
        const integers w10 = load(weights + 2 * k + 8), w11 = load(weights + 2 * k + 9);
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const struct paired_group *paired = paired_of(x, x_stride, n, t, g);
            const integers x0 = broadcast_4(paired->first + 4 * k), x1 = broadcast_4(paired->second + 4 * k);
            if (k == 0) { /* the unpaired run */
                sum[t][0] = dot_unsigned(dot_unsigned(sum[t][0], w00, x0), x1, w10);
                sum[t][1] = dot_unsigned(dot_unsigned(sum[t][1], w01, x0), x1, w11);
                continue;
            }
            sum[t][0] = dot_unsigned(sum[t][0], _mm512_sub_epi8(x1, w00), _mm512_sub_epi8(x0, w10));
            sum[t][1] = dot_unsigned(sum[t][1], _mm512_sub_epi8(x1, w01), _mm512_sub_epi8(x0, w11));
        }
    }
}

INLINE void tile_paired(float *y, size_t y_stride, const char *panel, size_t group_bytes, const bool has_minimum,
                        size_t rows, const char *x, size_t x_stride, const struct strip *strip, struct fetch *fetch,
                        const int tokens) {
    TOTALS(MAX_TILE)
    for (size_t g = strip_group(strip); g < strip_end_group(strip); g++, panel += group_bytes) {
        fetch_step(fetch);
        const struct s4_group *group = (const struct s4_group *)panel;
        integers sum[MAX_TILE][2];
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const integers pairs = splat(paired_of(x, x_stride, strip->n, t, g)->pairs);
            sum[t][0] = _mm512_add_epi32(pairs, load(group->pairs));
            sum[t][1] = _mm512_add_epi32(pairs, load(group->pairs + FLOATS));
        }
        add_pairs(sum, group, x, x_stride, strip->n, g, tokens);
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const floats d = splat_float(paired_of(x, x_stride, strip->n, t, g)->scale);
            UNROLL
            for (int i = 0; i < 2; i++) {
                total[t][i] = add_scaled(total[t][i], group->scale + i * FLOATS, d, sum[t][i]);
                if (!has_minimum) continue;
                const floats s = splat_float(q8_row_sums(x + (size_t)t * x_stride, strip->n)[g]);
                const float *minimum = ((const struct u4_group *)panel)->minimum + i * FLOATS;
                total[t][i] = add_product(total[t][i], s, load_f32(minimum));
            }
        }
    }
    STORE_TOTALS;
}

INLINE void tile_s4(float *y, size_t y_stride, const void *panel, size_t rows, const char *x, size_t x_stride,
                    const struct strip *strip, struct fetch *fetch, const int tokens) {
    tile_paired(y, y_stride, panel, sizeof(struct s4_group), false, rows, x, x_stride, strip, fetch, tokens);
}

INLINE void tile_u4(float *y, size_t y_stride, const void *panel, size_t rows, const char *x, size_t x_stride,
                    const struct strip *strip, struct fetch *fetch, const int tokens) {
    tile_paired(y, y_stride, panel, sizeof(struct u4_group), true, rows, x, x_stride, strip, fetch, tokens);
}

GEMM(s4, MAX_TILE)
GEMM(u4, MAX_TILE)
