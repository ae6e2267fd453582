/* Matrices that lie by column, sdot: four products to a lane. */
#include "../arm/registers.h"
#include "../arm/sums.h"

enum { SIGNED_OFFSET = 0 };

INLINE integers dot_signed(integers sum, integers weights, integers x) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(weights), vreinterpretq_s8_s32(x));
}

/* Unsigned weights have less than 8 bits. */
INLINE integers dot_unsigned(integers sum, integers weights, integers x) { return dot_signed(sum, weights, x); }

#define KERNEL(name) dotprod_##name
#include "../simd/columns.inc"
