/*
 * How sums of products begin and become floats, for processors with dot products: without a conversion, which keeps one
 * of the two vector pipes of a Cortex-A76 (Neoverse N1) busy for two cycles.
 *
 * They begin with the bits of the float 3 * 2^22, whose last bit is worth 1. Sums of at most 2^22 in magnitude are then
 * the bits of that float plus the sum, and a subtraction, one cycle of either pipe, gives what a conversion would.
 */
#ifndef RWKV_SUMS_H
#define RWKV_SUMS_H

#include <arm_neon.h>

#include "../simd/inline.h"

enum { SUM_BEGIN = 0x4b400000 };
_Static_assert(2 * 32 * 128 * 128 <= 1 << 22, "a group of 32, and what is taken off for a zero");

/* A sum of nothing. From memory each time: beside products there is more room for loads than for moves. */
INLINE int32x4_t begin_sum(void) {
    static const volatile int32x4_t begin = {SUM_BEGIN, SUM_BEGIN, SUM_BEGIN, SUM_BEGIN};
    return begin;
}

/* A sum to which more is added. */
INLINE int32x4_t sum_from(int32_t first) { return vdupq_n_s32(SUM_BEGIN + first); }

INLINE float32x4_t float_of_sum(int32x4_t sum) {
    return vsubq_f32(vreinterpretq_f32_s32(sum), vreinterpretq_f32_s32(vdupq_n_s32(SUM_BEGIN)));
}

#endif
