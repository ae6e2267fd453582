/*
 * Panels times activations, sdot: a register has 4 columns of 4 rows, which meet 4 of the 16 activations of another
 * register, to give a lane of 32 bits a row.
 */
#include <string.h>

#include "../arm/lanes.h"
#include "../arm/sums.h"
#include "panels_dotprod.h"

enum { MAX_TILE = 4 };

/* Run k of 4 columns; a macro, because the number of a lane is to be a literal. */
#define RUN(k)                                                                                                         \
    do {                                                                                                               \
        const int8x16_t w0 = vld1q_s8(weights + 4 * PANEL_ROWS * k), w1 = vld1q_s8(weights + 4 * PANEL_ROWS * k + 16); \
        UNROLL                                                                                                         \
        for (int t = 0; t < tokens; t++) {                                                                             \
            sum[t][0] = vdotq_laneq_s32(sum[t][0], w0, activations[t], k);                                             \
            sum[t][1] = vdotq_laneq_s32(sum[t][1], w1, activations[t], k);                                             \
        }                                                                                                              \
    } while (0)

INLINE void multiply(int32x4_t sum[MAX_TILE][2], const void *q, const char *x, size_t x_stride, const int columns,
                     const int largest, const int tokens) {
    (void)largest;
    const int8_t *weights = q;
    UNROLL
    for (int t = 0; t < tokens; t++) {
        sum[t][0] = begin_sum();
        sum[t][1] = begin_sum();
    }
    UNROLL
    for (int first = 0; first < columns; first += 16, weights += 16 * PANEL_ROWS) {
        int8x16_t activations[MAX_TILE];
        UNROLL
        for (int t = 0; t < tokens; t++) activations[t] = vld1q_s8((const int8_t *)x + (size_t)t * x_stride + first);
        RUN(0);
        RUN(1);
        RUN(2);
        RUN(3);
    }
}

#define KERNEL(name) dotprod_##name
#include "../arm/gemm.inc"
