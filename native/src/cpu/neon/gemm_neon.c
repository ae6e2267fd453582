/*
 * Panels times activations, NEON: products of 16 bits.
 *
 * A register has 4 columns of 4 rows, which meet 4 activations that are broadcast to all rows: smlal gives the 8
 * products of two rows in 16 bits, and so many of them are added there as fit. Then neighbours are added, to four
 * columns a row in two lanes, and widened to a lane of 32 bits a row.
 */
#include <string.h>

#include "../arm/lanes.h"
#include "panels_neon.h"
#include "sums_neon.h"

enum { MAX_TILE = 2 };

INLINE void multiply(int32x4_t sum[MAX_TILE][2], const void *q, const char *x, size_t x_stride, const int columns,
                     const int largest, const int tokens) {
    /* how many products, after neighbours have been added, fit 16 bits */
    const int depth = INT16_MAX / (2 * largest * 127);
    const int8_t *weights = q;
    int16x8_t low[MAX_TILE][2], high[MAX_TILE][2]; /* rows 0 and 1, 2 and 3 of four */
    UNROLL
    for (int t = 0; t < tokens; t++) sum[t][0] = sum[t][1] = begin_sum();
    UNROLL
    for (int k = 0; k < columns / 4; k++) {
        UNROLL
        for (int t = 0; t < tokens; t++) {
            int32_t four;
            memcpy(&four, x + (size_t)t * x_stride + 4 * k, sizeof four);
            const int8x16_t activations = vreinterpretq_s8_s32(vdupq_n_s32(four));
            UNROLL
            for (int i = 0; i < 2; i++) {
                const int8x16_t w = vld1q_s8(weights + 4 * PANEL_ROWS * k + 16 * i);
                if (k % depth == 0) {
                    low[t][i] = vmull_s8(vget_low_s8(w), vget_low_s8(activations));
                    high[t][i] = vmull_high_s8(w, activations);
                } else {
                    low[t][i] = vmlal_s8(low[t][i], vget_low_s8(w), vget_low_s8(activations));
                    high[t][i] = vmlal_high_s8(high[t][i], w, activations);
                }
                if (k % depth == depth - 1) sum[t][i] = vpadalq_s16(sum[t][i], vpaddq_s16(low[t][i], high[t][i]));
            }
        }
    }
}

#define KERNEL(name) neon_##name
#include "../arm/gemm.inc"
