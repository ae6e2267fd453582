/*
 * Panels times activations, AVX-512 with VNNI.
 *
 * A tile is the 32 rows of the panel, two registers, times a few tokens, so many that the accumulators just fit the 32
 * registers: each load of weights is used for all tokens of the tile, each broadcast of activations for both registers.
 * The tokens that remain after whole tiles are done by smaller ones, which compute each token in the same order, so
 * that its result does not depend on its neighbours.
 *
 * vpdpbusd adds four products of unsigned weights and signed activations to a lane of 32 bits. Where weights have been
 * made unsigned by an offset, the sum of a group begins at -offset * (sum of its activations), which vpdpwssd makes of
 * the sums of the two half groups in one instruction. All of this is exact; floats come in once for each group.
 */
#include <immintrin.h>
#include <string.h>

#include "../simd/inline.h"
#include "panels_avx512.h"

#define X(NAME, name) gemm_kernel avx512_gemm_##name;
RWKV_PANELS(X)
#undef X

enum { MAX_TILE = 8, LANES = 16 };

/* 4 bytes in all lanes. */
INLINE __m512i broadcast_4(const void *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
}

/* The 32 results of a token, of which the first `rows` are wanted. */
INLINE void store_rows(float *y, size_t rows, const __m512 total[2]) {
    const uint32_t mask = rows == PANEL_ROWS ? UINT32_MAX : ((uint32_t)1 << rows) - 1;
    _mm512_mask_storeu_ps(y, (__mmask16)mask, total[0]);
    if (rows > LANES) _mm512_mask_storeu_ps(y + LANES, (__mmask16)(mask >> LANES), total[1]);
}

/* sum += weights times activations for the columns 4 first to 4 (first + count) - 1 of a group. */
INLINE void add_products(__m512i sum[MAX_TILE][2], const void *q, const char *x, size_t x_stride, const int first,
                         const int count, const int tokens) {
    const __m512i *weights = q;
    UNROLL
    for (int k = first; k < first + count; k++) {
        const __m512i w0 = _mm512_loadu_si512(weights + 2 * k), w1 = _mm512_loadu_si512(weights + 2 * k + 1);
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const __m512i four = broadcast_4(x + (size_t)t * x_stride + 4 * k);
            sum[t][0] = _mm512_dpbusd_epi32(sum[t][0], w0, four);
            sum[t][1] = _mm512_dpbusd_epi32(sum[t][1], w1, four);
        }
    }
}

/* total += scale * d * sum */
INLINE __m512 add_scaled(__m512 total, const float *scale, __m512 d, __m512i sum) {
    return _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(scale)), d, total);
}

/* ------------------------------------------------------------------ S8 */

INLINE void tile_s8(float *y, size_t y_stride, const struct s8_group *group, size_t rows, const char *x,
                    size_t x_stride, size_t n, const int tokens) {
    const __m512i offset = _mm512_set1_epi16(-S8_OFFSET);
    __m512 total[MAX_TILE][2];
    UNROLL
    for (int t = 0; t < tokens; t++) total[t][0] = total[t][1] = _mm512_setzero_ps();

    for (size_t g = 0; g < n / Q8_GROUP; g++, group++) {
        __m512i sum[MAX_TILE][2];
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const __m512i halves = broadcast_4(q8_row_halves(x + (size_t)t * x_stride, n) + 2 * g);
            sum[t][0] = sum[t][1] = _mm512_dpwssd_epi32(_mm512_setzero_si512(), offset, halves);
        }
        add_products(sum, group->q, x + g * Q8_GROUP, x_stride, 0, 8, tokens);
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const __m512 d = _mm512_set1_ps(q8_row_scales(x + (size_t)t * x_stride, n)[g]);
            total[t][0] = add_scaled(total[t][0], group->scale, d, sum[t][0]);
            total[t][1] = add_scaled(total[t][1], group->scale + LANES, d, sum[t][1]);
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t]);
}

/* ------------------------------------------------------------------ U5 */

INLINE void tile_u5(float *y, size_t y_stride, const struct u5_group *group, size_t rows, const char *x,
                    size_t x_stride, size_t n, const int tokens) {
    __m512 total[MAX_TILE][2];
    UNROLL
    for (int t = 0; t < tokens; t++) total[t][0] = total[t][1] = _mm512_setzero_ps();

    for (size_t g = 0; g < n / Q8_GROUP; g++, group++) {
        __m512i sum[MAX_TILE][2];
        UNROLL
        for (int t = 0; t < tokens; t++) sum[t][0] = sum[t][1] = _mm512_setzero_si512();
        add_products(sum, group->q, x + g * Q8_GROUP, x_stride, 0, 8, tokens);
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const char *row = x + (size_t)t * x_stride;
            const __m512 d = _mm512_set1_ps(q8_row_scales(row, n)[g]), s = _mm512_set1_ps(q8_row_sums(row, n)[g]);
            UNROLL
            for (int i = 0; i < 2; i++) {
                total[t][i] = add_scaled(total[t][i], group->scale + i * LANES, d, sum[t][i]);
                total[t][i] = _mm512_fmadd_ps(s, _mm512_loadu_ps(group->minimum + i * LANES), total[t][i]);
            }
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t]);
}

/* ------------------------------------------------------------------ U6 */

INLINE void tile_u6(float *y, size_t y_stride, const struct u6_group *group, size_t rows, const char *x,
                    size_t x_stride, size_t n, const int tokens) {
    const __m512i zero = _mm512_setzero_si512();
    __m512 total[MAX_TILE][2];
    UNROLL
    for (int t = 0; t < tokens; t++) total[t][0] = total[t][1] = _mm512_setzero_ps();

    for (size_t g = 0; g < n / Q8_GROUP; g++, group++) {
        __m512i sum[MAX_TILE][2];
        UNROLL
        for (int t = 0; t < tokens; t++) sum[t][0] = sum[t][1] = zero;
        add_products(sum, group->q, x + g * Q8_GROUP, x_stride, 0, 8, tokens);
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const char *row = x + (size_t)t * x_stride;
            const __m512 d = _mm512_set1_ps(q8_row_scales(row, n)[g]);
            const __m512i halves = broadcast_4(q8_row_halves(row, n) + 2 * g);
            UNROLL
            for (int i = 0; i < 2; i++) {
                const __m512i minimum =
                    _mm512_dpwssd_epi32(zero, _mm512_loadu_si512(group->minimum[i * LANES]), halves);
                total[t][i] = add_scaled(total[t][i], group->scale + i * LANES, d, sum[t][i]);
                total[t][i] = add_scaled(total[t][i], group->minimum_scale + i * LANES, d, minimum);
            }
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t]);
}

/* ------------------------------------------------------------------ S6 */

INLINE void tile_s6(float *y, size_t y_stride, const struct s6_group *group, size_t rows, const char *x,
                    size_t x_stride, size_t n, const int tokens) {
    __m512 total[MAX_TILE][2];
    UNROLL
    for (int t = 0; t < tokens; t++) total[t][0] = total[t][1] = _mm512_setzero_ps();

    for (size_t g = 0; g < n / Q8_GROUP; g++, group++) {
        UNROLL
        for (int half = 0; half < 2; half++) {
            /* For one of the two sums that lie in 32 bits. */
            const __m512i offset = _mm512_set1_epi32(half == 0 ? -S6_OFFSET & 0xffff : -S6_OFFSET * 0x10000);
            __m512i sum[MAX_TILE][2];
            UNROLL
            for (int t = 0; t < tokens; t++) {
                const __m512i halves = broadcast_4(q8_row_halves(x + (size_t)t * x_stride, n) + 2 * g);
                sum[t][0] = sum[t][1] = _mm512_dpwssd_epi32(_mm512_setzero_si512(), offset, halves);
            }
            add_products(sum, group->q, x + g * Q8_GROUP, x_stride, 4 * half, 4, tokens);
            UNROLL
            for (int t = 0; t < tokens; t++) {
                const __m512 d = _mm512_set1_ps(q8_row_scales(x + (size_t)t * x_stride, n)[g]);
                total[t][0] = add_scaled(total[t][0], group->scale[half], d, sum[t][0]);
                total[t][1] = add_scaled(total[t][1], group->scale[half] + LANES, d, sum[t][1]);
            }
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t]);
}

/* ------------------------------------------------------------------ F32 */

INLINE void tile_f32(float *y, size_t y_stride, const struct f32_column *column, size_t rows, const char *x,
                     size_t x_stride, size_t n, const int tokens) {
    __m512 total[MAX_TILE][2];
    UNROLL
    for (int t = 0; t < tokens; t++) total[t][0] = total[t][1] = _mm512_setzero_ps();

    for (size_t i = 0; i < n; i++, column++) {
        const __m512 w0 = _mm512_loadu_ps(column->value), w1 = _mm512_loadu_ps(column->value + LANES);
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const __m512 one = _mm512_set1_ps(((const float *)(x + (size_t)t * x_stride))[i]);
            total[t][0] = _mm512_fmadd_ps(w0, one, total[t][0]);
            total[t][1] = _mm512_fmadd_ps(w1, one, total[t][1]);
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t]);
}

/* ------------------------------------------------------------------ whole tiles, then the rest */

#define TILES(panel_name, size)                                                                                        \
    for (; tokens >= size; tokens -= size, x_rows += size * x_stride, y += size * y_stride)                            \
    tile_##panel_name(y, y_stride, panel, rows, x_rows, x_stride, n, size)

#define GEMM(panel_name, largest)                                                                                      \
    void avx512_gemm_##panel_name(float *y, size_t y_stride, const void *panel, size_t rows, const void *x,            \
                                  size_t x_stride, size_t tokens, size_t n) {                                          \
        const char *x_rows = x;                                                                                        \
        TILES(panel_name, largest);                                                                                    \
        TILES(panel_name, 4);                                                                                          \
        TILES(panel_name, 2);                                                                                          \
        TILES(panel_name, 1);                                                                                          \
    }

GEMM(s8, 6)
GEMM(u5, 6)
GEMM(u6, 6)
GEMM(s6, 6)
GEMM(f32, 8)
