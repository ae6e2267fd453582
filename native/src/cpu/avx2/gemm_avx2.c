/*
 * Panels times activations, AVX2.
 *
 * A tile is the 16 rows of the panel times a few tokens, so many that the accumulators just fit the 16 registers: each
 * load of weights is used for all tokens of the tile, each broadcast of activations for all rows. The tokens that
 * remain after whole tiles are done by smaller ones, which compute each token in the same order, so that its result
 * does not depend on its neighbours.
 *
 * Integers are multiplied by vpmaddubsw: unsigned weights times signed activations, sums of two neighbours in 16 bits.
 * What these sums may reach decides how many of them can be added before they are widened to 32 bits:
 *
 *     U5   2 * 31 * 127 =  7874: four
 *     U6   2 * 45 * 127 = 11430: two
 *     S6   2 * 32 * 127 =  8128: four (the weight's sign is given to the activation)
 *     S8   2 * 128 * 127 = 32512: one (likewise)
 */
#include <immintrin.h>
#include <string.h>

#include "../simd/inline.h"
#include "panels_avx2.h"

#define X(NAME, name) gemm_kernel avx2_gemm_##name;
RWKV_PANELS(X)
#undef X

enum { MAX_TILE = 6 };

INLINE __m256i broadcast_4(const char *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
}

/* The 16 results of a token, of which the first `rows` are wanted. */
INLINE void store_rows(float *y, size_t rows, __m256 low, __m256 high) {
    if (rows == PANEL_ROWS) {
        _mm256_storeu_ps(y, low);
        _mm256_storeu_ps(y + 8, high);
    } else {
        float all[PANEL_ROWS];
        _mm256_storeu_ps(all, low);
        _mm256_storeu_ps(all + 8, high);
        memcpy(y, all, rows * sizeof *y);
    }
}

/* ------------------------------------------------------------------ U5 */

INLINE void tile_u5(float *y, size_t y_stride, const struct u5_group *group, size_t rows, const char *x,
                    size_t x_stride, size_t n, const int tokens) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256 total[MAX_TILE][2];
    UNROLL
    for (int t = 0; t < tokens; t++) total[t][0] = total[t][1] = _mm256_setzero_ps();

    for (size_t g = 0; g < n / Q8_GROUP; g++, group++) {
        __m256i sum[MAX_TILE][2];
        UNROLL
        for (int half = 0; half < 2; half++) {
            __m256i pairs[MAX_TILE][2];
            UNROLL
            for (int k = 0; k < 4; k++) {
                const __m256i low = _mm256_loadu_si256((const __m256i *)group->q[4 * half + k]);
                const __m256i high = _mm256_loadu_si256((const __m256i *)group->q[4 * half + k] + 1);
                UNROLL
                for (int t = 0; t < tokens; t++) {
                    const __m256i four = broadcast_4(x + (size_t)t * x_stride + g * Q8_GROUP + 16 * half + 4 * k);
                    const __m256i p0 = _mm256_maddubs_epi16(low, four), p1 = _mm256_maddubs_epi16(high, four);
                    pairs[t][0] = k == 0 ? p0 : _mm256_add_epi16(pairs[t][0], p0);
                    pairs[t][1] = k == 0 ? p1 : _mm256_add_epi16(pairs[t][1], p1);
                }
            }
            UNROLL
            for (int t = 0; t < tokens; t++) {
                const __m256i s0 = _mm256_madd_epi16(pairs[t][0], ones), s1 = _mm256_madd_epi16(pairs[t][1], ones);
                sum[t][0] = half == 0 ? s0 : _mm256_add_epi32(sum[t][0], s0);
                sum[t][1] = half == 0 ? s1 : _mm256_add_epi32(sum[t][1], s1);
            }
        }
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const char *row = x + (size_t)t * x_stride;
            const __m256 d = _mm256_set1_ps(q8_row_scales(row, n)[g]), s = _mm256_set1_ps(q8_row_sums(row, n)[g]);
            UNROLL
            for (int i = 0; i < 2; i++) {
                const __m256 scale = _mm256_mul_ps(d, _mm256_loadu_ps(group->scale + 8 * i));
                total[t][i] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sum[t][i]), total[t][i]);
                total[t][i] = _mm256_fmadd_ps(s, _mm256_loadu_ps(group->minimum + 8 * i), total[t][i]);
            }
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t][0], total[t][1]);
}

/* ------------------------------------------------------------------ U6 */

INLINE void tile_u6(float *y, size_t y_stride, const struct u6_group *group, size_t rows, const char *x,
                    size_t x_stride, size_t n, const int tokens) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256 total[MAX_TILE][2];
    UNROLL
    for (int t = 0; t < tokens; t++) total[t][0] = total[t][1] = _mm256_setzero_ps();

    for (size_t g = 0; g < n / Q8_GROUP; g++, group++) {
        __m256i sum[MAX_TILE][2];
        UNROLL
        for (int k = 0; k < Q8_GROUP / 4; k += 2) {
            const __m256i *weights = (const __m256i *)group->q[k]; /* two registers for each k */
            const __m256i w00 = _mm256_loadu_si256(weights), w01 = _mm256_loadu_si256(weights + 1);
            const __m256i w10 = _mm256_loadu_si256(weights + 2), w11 = _mm256_loadu_si256(weights + 3);
            UNROLL
            for (int t = 0; t < tokens; t++) {
                const char *four = x + (size_t)t * x_stride + g * Q8_GROUP + 4 * k;
                const __m256i x0 = broadcast_4(four), x1 = broadcast_4(four + 4);
                const __m256i p0 = _mm256_add_epi16(_mm256_maddubs_epi16(w00, x0), _mm256_maddubs_epi16(w10, x1));
                const __m256i p1 = _mm256_add_epi16(_mm256_maddubs_epi16(w01, x0), _mm256_maddubs_epi16(w11, x1));
                const __m256i s0 = _mm256_madd_epi16(p0, ones), s1 = _mm256_madd_epi16(p1, ones);
                sum[t][0] = k == 0 ? s0 : _mm256_add_epi32(sum[t][0], s0);
                sum[t][1] = k == 0 ? s1 : _mm256_add_epi32(sum[t][1], s1);
            }
        }
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const char *row = x + (size_t)t * x_stride;
            const __m256 d = _mm256_set1_ps(q8_row_scales(row, n)[g]);
            const __m256i halves = broadcast_4((const char *)(q8_row_halves(row, n) + 2 * g));
            UNROLL
            for (int i = 0; i < 2; i++) {
                const __m256 scale = _mm256_mul_ps(d, _mm256_loadu_ps(group->scale + 8 * i));
                const __m256 minimum_scale = _mm256_mul_ps(d, _mm256_loadu_ps(group->minimum_scale + 8 * i));
                const __m256i minimum =
                    _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)group->minimum[8 * i]), halves);
                total[t][i] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sum[t][i]), total[t][i]);
                total[t][i] = _mm256_fmadd_ps(minimum_scale, _mm256_cvtepi32_ps(minimum), total[t][i]);
            }
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t][0], total[t][1]);
}

/* ------------------------------------------------------------------ S6 */

/* Weights w times activations x, both signed: |w| times x with the sign of w. */
INLINE __m256i multiply_signed(__m256i magnitude, __m256i w, __m256i x) {
    return _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(x, w));
}

INLINE void tile_s6(float *y, size_t y_stride, const struct s6_group *group, size_t rows, const char *x,
                    size_t x_stride, size_t n, const int tokens) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256 total[MAX_TILE][2];
    UNROLL
    for (int t = 0; t < tokens; t++) total[t][0] = total[t][1] = _mm256_setzero_ps();

    for (size_t g = 0; g < n / Q8_GROUP; g++, group++) {
        UNROLL
        for (int half = 0; half < 2; half++) {
            __m256i pairs[MAX_TILE][2];
            UNROLL
            for (int k = 0; k < 4; k++) {
                const __m256i low = _mm256_loadu_si256((const __m256i *)group->q[4 * half + k]);
                const __m256i high = _mm256_loadu_si256((const __m256i *)group->q[4 * half + k] + 1);
                const __m256i low_magnitude = _mm256_abs_epi8(low), high_magnitude = _mm256_abs_epi8(high);
                UNROLL
                for (int t = 0; t < tokens; t++) {
                    const __m256i four = broadcast_4(x + (size_t)t * x_stride + g * Q8_GROUP + 16 * half + 4 * k);
                    const __m256i p0 = multiply_signed(low_magnitude, low, four);
                    const __m256i p1 = multiply_signed(high_magnitude, high, four);
                    pairs[t][0] = k == 0 ? p0 : _mm256_add_epi16(pairs[t][0], p0);
                    pairs[t][1] = k == 0 ? p1 : _mm256_add_epi16(pairs[t][1], p1);
                }
            }
            UNROLL
            for (int t = 0; t < tokens; t++) {
                const __m256 d = _mm256_set1_ps(q8_row_scales(x + (size_t)t * x_stride, n)[g]);
                UNROLL
                for (int i = 0; i < 2; i++) {
                    const __m256 scale = _mm256_mul_ps(d, _mm256_loadu_ps(group->scale[half] + 8 * i));
                    const __m256i sum = _mm256_madd_epi16(pairs[t][i], ones);
                    total[t][i] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sum), total[t][i]);
                }
            }
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t][0], total[t][1]);
}

/* ------------------------------------------------------------------ S8 */

INLINE void tile_s8(float *y, size_t y_stride, const struct s8_group *group, size_t rows, const char *x,
                    size_t x_stride, size_t n, const int tokens) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256 total[MAX_TILE][2];
    UNROLL
    for (int t = 0; t < tokens; t++) total[t][0] = total[t][1] = _mm256_setzero_ps();

    for (size_t g = 0; g < n / Q8_GROUP; g++, group++) {
        __m256i sum[MAX_TILE][2];
        UNROLL
        for (int k = 0; k < Q8_GROUP / 4; k++) {
            const __m256i low = _mm256_loadu_si256((const __m256i *)group->q[k]);
            const __m256i high = _mm256_loadu_si256((const __m256i *)group->q[k] + 1);
            const __m256i low_magnitude = _mm256_abs_epi8(low), high_magnitude = _mm256_abs_epi8(high);
            UNROLL
            for (int t = 0; t < tokens; t++) {
                const __m256i four = broadcast_4(x + (size_t)t * x_stride + g * Q8_GROUP + 4 * k);
                const __m256i s0 = _mm256_madd_epi16(multiply_signed(low_magnitude, low, four), ones);
                const __m256i s1 = _mm256_madd_epi16(multiply_signed(high_magnitude, high, four), ones);
                sum[t][0] = k == 0 ? s0 : _mm256_add_epi32(sum[t][0], s0);
                sum[t][1] = k == 0 ? s1 : _mm256_add_epi32(sum[t][1], s1);
            }
        }
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const __m256 d = _mm256_set1_ps(q8_row_scales(x + (size_t)t * x_stride, n)[g]);
            UNROLL
            for (int i = 0; i < 2; i++) {
                const __m256 scale = _mm256_mul_ps(d, _mm256_loadu_ps(group->scale + 8 * i));
                total[t][i] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sum[t][i]), total[t][i]);
            }
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t][0], total[t][1]);
}

/* ------------------------------------------------------------------ F32 */

INLINE void tile_f32(float *y, size_t y_stride, const struct f32_column *column, size_t rows, const char *x,
                     size_t x_stride, size_t n, const int tokens) {
    __m256 total[MAX_TILE][2];
    UNROLL
    for (int t = 0; t < tokens; t++) total[t][0] = total[t][1] = _mm256_setzero_ps();

    for (size_t i = 0; i < n; i++, column++) {
        const __m256 low = _mm256_loadu_ps(column->value), high = _mm256_loadu_ps(column->value + 8);
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const __m256 one = _mm256_broadcast_ss((const float *)(x + (size_t)t * x_stride) + i);
            total[t][0] = _mm256_fmadd_ps(low, one, total[t][0]);
            total[t][1] = _mm256_fmadd_ps(high, one, total[t][1]);
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) store_rows(y + (size_t)t * y_stride, rows, total[t][0], total[t][1]);
}

/* ------------------------------------------------------------------ whole tiles, then the rest */

#define TILES(panel_name, size)                                                                                        \
    for (; tokens >= size; tokens -= size, x_rows += size * x_stride, y += size * y_stride)                            \
    tile_##panel_name(y, y_stride, panel, rows, x_rows, x_stride, n, size)

#define GEMM_INTEGERS(panel_name)                                                                                      \
    void avx2_gemm_##panel_name(float *y, size_t y_stride, const void *panel, size_t rows, const void *x,              \
                                size_t x_stride, size_t tokens, size_t n) {                                            \
        const char *x_rows = x;                                                                                        \
        TILES(panel_name, 4);                                                                                          \
        TILES(panel_name, 2);                                                                                          \
        TILES(panel_name, 1);                                                                                          \
    }

GEMM_INTEGERS(u5)
GEMM_INTEGERS(u6)
GEMM_INTEGERS(s6)
GEMM_INTEGERS(s8)

void avx2_gemm_f32(float *y, size_t y_stride, const void *panel, size_t rows, const void *x, size_t x_stride,
                   size_t tokens, size_t n) {
    const char *x_rows = x;
    TILES(f32, 6);
    TILES(f32, 4);
    TILES(f32, 2);
    TILES(f32, 1);
}
