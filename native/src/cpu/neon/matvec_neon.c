/* Weight rows times one activation row, NEON: products of 16 bits. */
#include "../arm/lanes.h"

/* Two products are at most 2 * 128 * 127, activations being -127 or more: this fits 16 bits. */
INLINE int32x4_t add_products(int32x4_t sum, bytes_16 w, const int8_t *x) {
    const int8x16_t weights = vreinterpretq_s8_u8(w), activations = vld1q_s8(x);
    const int16x8_t pairs = vmull_s8(vget_low_s8(weights), vget_low_s8(activations));
    return vpadalq_s16(sum, vmlal_high_s8(pairs, weights, activations));
}

#define KERNEL(name) neon_##name
#include "../arm/matvec.inc"
