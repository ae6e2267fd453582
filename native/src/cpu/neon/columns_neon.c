/* Matrices that lie by column, NEON: products of 16 bits. */
#include "../arm/registers.h"
#include "sums_neon.h"

enum { SIGNED_OFFSET = 0 };

/* Two products are at most 2 * 128 * 127, activations being -127 or more: this fits 16 bits. */
INLINE integers dot_signed(integers sum, integers weights, integers x) {
    const int8x16_t w = vreinterpretq_s8_s32(weights), activations = vreinterpretq_s8_s32(x);
    const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(activations)), high = vmull_high_s8(w, activations);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
}

/* Unsigned weights have less than 8 bits. */
INLINE integers dot_unsigned(integers sum, integers weights, integers x) { return dot_signed(sum, weights, x); }

#define KERNEL(name) neon_##name
#include "../simd/columns.inc"
