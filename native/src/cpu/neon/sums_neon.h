/* How sums of products begin and become floats. Processors that have no more than NEON convert as fast as they add, and
 * have no registers left for what arm/sums.h wants. */
#ifndef RWKV_SUMS_NEON_H
#define RWKV_SUMS_NEON_H

#include <arm_neon.h>

#include "../simd/inline.h"

INLINE int32x4_t sum_from(int32_t first) { return vdupq_n_s32(first); }
INLINE int32x4_t begin_sum(void) { return sum_from(0); }
INLINE float32x4_t float_of_sum(int32x4_t sum) { return vcvtq_f32_s32(sum); }

#endif
