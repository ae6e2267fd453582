/* Bytes of four columns brought together row by row, for NEON. */
#ifndef RWKV_INTERLEAVE_H
#define RWKV_INTERLEAVE_H

#include <arm_neon.h>

#include "../simd/inline.h"

/* Of columns a, b, c, d: a0 b0 c0 d0 a1 b1 … */
INLINE void interleave_bytes(uint8x16_t rows[4], uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    const uint16x8_t ab_low = vreinterpretq_u16_u8(vzip1q_u8(a, b)), ab_high = vreinterpretq_u16_u8(vzip2q_u8(a, b));
    const uint16x8_t cd_low = vreinterpretq_u16_u8(vzip1q_u8(c, d)), cd_high = vreinterpretq_u16_u8(vzip2q_u8(c, d));
    rows[0] = vreinterpretq_u8_u16(vzip1q_u16(ab_low, cd_low));
    rows[1] = vreinterpretq_u8_u16(vzip2q_u16(ab_low, cd_low));
    rows[2] = vreinterpretq_u8_u16(vzip1q_u16(ab_high, cd_high));
    rows[3] = vreinterpretq_u8_u16(vzip2q_u16(ab_high, cd_high));
}

#endif
