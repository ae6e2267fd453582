/* Weight rows times one activation row, sdot: four products to a lane. */
#include "../arm/lanes.h"

INLINE int32x4_t add_products(int32x4_t sum, bytes_16 w, const int8_t *x) {
    return vdotq_s32(sum, vreinterpretq_s8_u8(w), vld1q_s8(x));
}

#define KERNEL(name) dotprod_##name
#include "../arm/matvec.inc"
