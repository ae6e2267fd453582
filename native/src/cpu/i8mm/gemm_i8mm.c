/*
 * Panels times activations, smmla: a register has 8 columns of two rows, another 8 activations of two tokens; their
 * product is the matrix of four sums. Two of these matrices have the four rows of a token in their halves.
 */
#include <string.h>

#include "../arm/lanes.h"
#include "../arm/sums.h"
#include "panels_i8mm.h"

enum { MAX_TILE = 4 };

/* The lower halves, the upper halves. */
INLINE int8x16_t lower_halves(int8x16_t a, int8x16_t b) {
    return vreinterpretq_s8_s64(vzip1q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}
INLINE int8x16_t upper_halves(int8x16_t a, int8x16_t b) {
    return vreinterpretq_s8_s64(vzip2q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}
INLINE int32x4_t first_token(int32x4_t a, int32x4_t b) {
    return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}
INLINE int32x4_t second_token(int32x4_t a, int32x4_t b) {
    return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

/* A token without a second one is its own neighbour. */
INLINE void multiply(int32x4_t sum[MAX_TILE][2], const void *q, const char *x, size_t x_stride, const int columns,
                     const int largest, const int tokens) {
    (void)largest;
    enum { PAIRS = MAX_TILE / 2 };
    const int pairs = (tokens + 1) / 2;
    const int8_t *weights = q;
    int32x4_t products[PAIRS][4]; /* of two tokens and two rows */
    UNROLL
    for (int p = 0; p < pairs; p++) {
        UNROLL
        for (int i = 0; i < 4; i++) products[p][i] = begin_sum();
    }
    UNROLL
    for (int first = 0; first < columns; first += 16, weights += 16 * PANEL_ROWS) {
        int8x16_t low[PAIRS], high[PAIRS]; /* the first and the last 8 of 16 columns */
        UNROLL
        for (int p = 0; p < pairs; p++) {
            const int8_t *token = (const int8_t *)x + (size_t)(2 * p) * x_stride + first;
            const int8x16_t a = vld1q_s8(token), b = 2 * p + 1 < tokens ? vld1q_s8(token + x_stride) : a;
            low[p] = lower_halves(a, b);
            high[p] = upper_halves(a, b);
        }
        UNROLL
        for (int i = 0; i < 8; i++) {
            const int8x16_t w = vld1q_s8(weights + 16 * i);
            UNROLL
            for (int p = 0; p < pairs; p++)
                products[p][i % 4] = vmmlaq_s32(products[p][i % 4], i < 4 ? low[p] : high[p], w);
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) {
        UNROLL
        for (int i = 0; i < 2; i++) {
            const int32x4_t *rows = products[t / 2] + 2 * i;
            sum[t][i] = t % 2 == 0 ? first_token(rows[0], rows[1]) : second_token(rows[0], rows[1]);
        }
    }
}

#define KERNEL(name) i8mm_##name
#include "../arm/gemm.inc"
