/*
 * The words of simd/columns.inc in registers of 128 bits, for NEON. Products of integers are not among them: a tier has
 * its own.
 */
#ifndef RWKV_REGISTERS_H
#define RWKV_REGISTERS_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../simd/inline.h"
#include "interleave.h"

enum { FLOATS = 4 };

/* Sums, or 16 bytes: of the two it is bytes that change their type when they meet, as gcc 12 moves what does from
 * register to register. */
typedef int32x4_t integers;
typedef float32x4_t floats;

INLINE uint8x16_t as_bytes(integers i) { return vreinterpretq_u8_s32(i); }
INLINE integers of_bytes(uint8x16_t bytes) { return vreinterpretq_s32_u8(bytes); }

/* ------------------------------------------------------------------ integers */

INLINE integers splat(int32_t i) { return vdupq_n_s32(i); }

/* Four bytes everywhere. */
INLINE integers broadcast_4(const void *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return splat(four);
}

INLINE integers load(const void *p) { return of_bytes(vld1q_u8(p)); }
INLINE integers load_repeated(const void *p, const size_t bytes, size_t at) {
    return load((const uint8_t *)p + at % bytes);
}
INLINE integers widen_u8(const void *p) {
    const uint16x8_t words = vmovl_u8(vget_low_u8(as_bytes(broadcast_4(p))));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words)));
}
INLINE integers widen_s8(const void *p) {
    const int16x8_t words = vmovl_s8(vget_low_s8(vreinterpretq_s8_s32(broadcast_4(p))));
    return vmovl_s16(vget_low_s16(words));
}

INLINE integers or_bits(integers a, integers b) { return vorrq_s32(a, b); }

/* No mask where a shift leaves nothing else. */
INLINE integers shift_and_mask(integers bytes, const int right, const int mask) {
    const int left = right > 0 ? 0xff >> right : 0xff << -right & 0xff;
    const uint8x16_t shifted = right > 0 ? as_bytes(bytes) >> (uint8_t)right : as_bytes(bytes) << (uint8_t)-right;
    return of_bytes(mask == left ? shifted : vandq_u8(shifted, vdupq_n_u8((uint8_t)mask)));
}
/* A register is one piece. */
INLINE integers shift_pieces(integers piece, const int bits, const int first) {
    return of_bytes(vshlq_u8(as_bytes(piece), vdupq_n_s8((int8_t)-(bits * (first / bits)))));
}

INLINE integers look_up(const void *table, integers index) {
    return of_bytes(vqtbl1q_u8(vld1q_u8(table), as_bytes(index)));
}

INLINE uint32_t where_not_zero(const void *bytes) {
    static const uint8_t bit_of_byte[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t low = vld1q_u8(bytes), high = vld1q_u8((const uint8_t *)bytes + 16), bit = vld1q_u8(bit_of_byte);
    uint8x16_t sum = vpaddq_u8(vandq_u8(vtstq_u8(low, low), bit), vandq_u8(vtstq_u8(high, high), bit));
    sum = vpaddq_u8(sum, sum);
    sum = vpaddq_u8(sum, sum);
    return vgetq_lane_u32(vreinterpretq_u32_u8(sum), 0);
}

INLINE void interleave(integers rows[4], const integers columns[4]) {
    uint8x16_t bytes[4];
    interleave_bytes(bytes, as_bytes(columns[0]), as_bytes(columns[1]), as_bytes(columns[2]), as_bytes(columns[3]));
    UNROLL
    for (int i = 0; i < 4; i++) rows[i] = of_bytes(bytes[i]);
}

/* ------------------------------------------------------------------ floats */

INLINE floats splat_float(float f) { return vdupq_n_f32(f); }
INLINE floats to_floats(integers i) { return vcvtq_f32_s32(i); }
INLINE floats multiply(floats a, floats b) { return vmulq_f32(a, b); }
INLINE floats add(floats a, floats b) { return vaddq_f32(a, b); }
INLINE floats add_product(floats sum, floats a, floats b) { return vfmaq_f32(sum, a, b); }
INLINE floats load_f32(const void *p) { return vld1q_f32(p); }
INLINE floats load_half(const void *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
INLINE floats load_brain(const void *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
INLINE void store(float *p, floats f) { vst1q_f32(p, f); }

/* A register is one lane of 128 bits: they are. */
INLINE void in_order(floats v[4]) { (void)v; }

#endif
