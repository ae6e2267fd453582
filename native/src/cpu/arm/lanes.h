/*
 * The words of simd/unpack.h and simd/pack.inc for NEON: bytes, 16-bit integers and floats as they come out of blocks.
 * What another instruction set has in one register of 32 bytes is two of 16 here.
 */
#ifndef RWKV_LANES_H
#define RWKV_LANES_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../simd/inline.h"
#include "interleave.h"

typedef uint8x16_t bytes_16;
typedef struct {
    uint8x16_t low, high;
} bytes_32;
typedef struct {
    int16x8_t low, high;
} words_16;
typedef struct {
    float32x4_t low, high;
} floats_8;

/* ------------------------------------------------------------------ bytes */

INLINE bytes_16 load_16_bytes(const void *p) { return vld1q_u8(p); }
INLINE bytes_32 load_32_bytes(const void *p) { return (bytes_32){vld1q_u8(p), vld1q_u8((const uint8_t *)p + 16)}; }

/* Eight bytes each, `stride` bytes apart. */
INLINE void store_eights(void *p, size_t stride, bytes_32 bytes) {
    uint8_t *eight = p;
    vst1_u8(eight, vget_low_u8(bytes.low));
    vst1_u8(eight + stride, vget_high_u8(bytes.low));
    vst1_u8(eight + 2 * stride, vget_low_u8(bytes.high));
    vst1_u8(eight + 3 * stride, vget_high_u8(bytes.high));
}

/* 8 bytes, and 8 more that lie `stride` bytes further on. */
INLINE bytes_16 load_eights(const void *p, size_t stride) {
    return vcombine_u8(vld1_u8(p), vld1_u8((const uint8_t *)p + stride));
}

INLINE bytes_16 bytes_of_words(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3) {
    const uint64x1_t low = vcreate_u64(w0 | (uint64_t)w1 << 32), high = vcreate_u64(w2 | (uint64_t)w3 << 32);
    return vreinterpretq_u8_u64(vcombine_u64(low, high));
}

INLINE bytes_32 join(bytes_16 low, bytes_16 high) { return (bytes_32){low, high}; }
INLINE bytes_32 all_bytes(int byte) { return join(vdupq_n_u8((uint8_t)byte), vdupq_n_u8((uint8_t)byte)); }
INLINE bytes_32 no_bytes(void) { return all_bytes(0); }

/* Four bytes in the whole lower half, four in the upper one; four everywhere. */
INLINE bytes_32 fours(uint32_t low, uint32_t high) {
    return join(vreinterpretq_u8_u32(vdupq_n_u32(low)), vreinterpretq_u8_u32(vdupq_n_u32(high)));
}

INLINE bytes_32 all_fours(uint32_t four) { return fours(four, four); }

INLINE bytes_32 and_bytes(bytes_32 a, bytes_32 b) { return join(vandq_u8(a.low, b.low), vandq_u8(a.high, b.high)); }
INLINE bytes_32 or_bytes(bytes_32 a, bytes_32 b) { return join(vorrq_u8(a.low, b.low), vorrq_u8(a.high, b.high)); }
INLINE bytes_32 add_bytes(bytes_32 a, bytes_32 b) { return join(vaddq_u8(a.low, b.low), vaddq_u8(a.high, b.high)); }

/* The lower nibbles of 16 bytes, then the upper ones. */
INLINE bytes_32 nibbles(bytes_16 bytes) { return join(vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8(bytes, 4)); }

INLINE bytes_32 lower_nibbles(bytes_32 bytes) { return and_bytes(bytes, all_bytes(15)); }
INLINE bytes_32 upper_nibbles(bytes_32 bytes) { return join(vshrq_n_u8(bytes.low, 4), vshrq_n_u8(bytes.high, 4)); }

/* Operators, because the intrinsics want a literal number of bits. */
INLINE bytes_32 shift_right(bytes_32 bytes, int bits) {
    return join(bytes.low >> (uint8_t)bits, bytes.high >> (uint8_t)bits);
}
INLINE bytes_32 shift_left(bytes_32 bytes, int bits) {
    return join(bytes.low << (uint8_t)bits, bytes.high << (uint8_t)bits);
}

/* `value` in the bytes that have the one bit of `bit`, 0 in the others. */
INLINE bytes_32 where_set(bytes_32 bytes, bytes_32 bit, int value) {
    return and_bytes(join(vtstq_u8(bytes.low, bit.low), vtstq_u8(bytes.high, bit.high)), all_bytes(value));
}

/* Entry `index` (0..15 each) of the table in the same half. */
INLINE bytes_32 look_up(bytes_32 tables, bytes_32 index) {
    return join(vqtbl1q_u8(tables.low, index.low), vqtbl1q_u8(tables.high, index.high));
}

/* Products of integers of 2 bits and of bytes, whose lower 8 bits are kept. */
INLINE bytes_32 multiply_two_bits(bytes_32 two_bits, bytes_32 factor) {
    return join(vmulq_u8(two_bits.low, factor.low), vmulq_u8(two_bits.high, factor.high));
}

/* The first 8 bytes of each, by turns. */
INLINE bytes_16 by_turns(bytes_16 a, bytes_16 b) { return vzip1q_u8(a, b); }

/* The same with four bytes each, and all 16. */
INLINE bytes_32 fours_by_turns(bytes_16 a, bytes_16 b) {
    const uint32x4_t fours_a = vreinterpretq_u32_u8(a), fours_b = vreinterpretq_u32_u8(b);
    return join(vreinterpretq_u8_u32(vzip1q_u32(fours_a, fours_b)), vreinterpretq_u8_u32(vzip2q_u32(fours_a, fours_b)));
}

/* Of columns a, b, c, d: a0 b0 c0 d0 a1 b1 …; the same of 8 columns. */
INLINE void interleave_4(bytes_32 rows[4], const bytes_32 columns[4]) {
    uint8x16_t low[4], high[4];
    interleave_bytes(low, columns[0].low, columns[1].low, columns[2].low, columns[3].low);
    interleave_bytes(high, columns[0].high, columns[1].high, columns[2].high, columns[3].high);
    rows[0] = join(low[0], low[1]);
    rows[1] = join(low[2], low[3]);
    rows[2] = join(high[0], high[1]);
    rows[3] = join(high[2], high[3]);
}
INLINE void interleave_8(bytes_32 rows[8], const bytes_32 columns[8]) {
    bytes_32 first[4], second[4];
    interleave_4(first, columns);
    interleave_4(second, columns + 4);
    UNROLL
    for (int i = 0; i < 4; i++) {
        rows[2 * i] = fours_by_turns(first[i].low, second[i].low);
        rows[2 * i + 1] = fours_by_turns(first[i].high, second[i].high);
    }
}

/* ------------------------------------------------------------------ 16-bit integers */

INLINE words_16 words_of_u8(bytes_16 bytes) {
    return (words_16){vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes))), vreinterpretq_s16_u16(vmovl_high_u8(bytes))};
}
INLINE words_16 words_of_s8(bytes_16 bytes) {
    const int8x16_t signed_bytes = vreinterpretq_s8_u8(bytes);
    return (words_16){vmovl_s8(vget_low_s8(signed_bytes)), vmovl_high_s8(signed_bytes)};
}

/* Of words in 0..255. */
INLINE words_16 lower_nibbles_of_words(words_16 words) {
    const int16x8_t mask = vdupq_n_s16(15);
    return (words_16){vandq_s16(words.low, mask), vandq_s16(words.high, mask)};
}
INLINE words_16 upper_nibbles_of_words(words_16 words) {
    return (words_16){vshrq_n_s16(words.low, 4), vshrq_n_s16(words.high, 4)};
}

INLINE words_16 add_words(words_16 words, int addend) {
    const int16x8_t all = vdupq_n_s16((int16_t)addend);
    return (words_16){vaddq_s16(words.low, all), vaddq_s16(words.high, all)};
}

/* ------------------------------------------------------------------ floats */

INLINE floats_8 all_floats(float f) { return (floats_8){vdupq_n_f32(f), vdupq_n_f32(f)}; }
INLINE floats_8 no_floats(void) { return all_floats(0); }
INLINE floats_8 multiply_floats(floats_8 a, floats_8 b) {
    return (floats_8){vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)};
}
/* sum + a * b, rounded once */
INLINE floats_8 multiply_add(floats_8 sum, floats_8 a, floats_8 b) {
    return (floats_8){vfmaq_f32(sum.low, a.low, b.low), vfmaq_f32(sum.high, a.high, b.high)};
}
INLINE floats_8 add_floats(floats_8 a, floats_8 b) {
    return (floats_8){vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)};
}
INLINE void store_8_floats(void *p, floats_8 floats) {
    vst1q_f32(p, floats.low);
    vst1q_f32((float *)p + 4, floats.high);
}

/* Bits that are to be moved as if they were floats. */
INLINE floats_8 bytes_as_floats(bytes_32 bytes) {
    return (floats_8){vreinterpretq_f32_u8(bytes.low), vreinterpretq_f32_u8(bytes.high)};
}
INLINE floats_8 words_as_floats(words_16 words) {
    return (floats_8){vreinterpretq_f32_s16(words.low), vreinterpretq_f32_s16(words.high)};
}

/* The values of 8 unsigned bytes; of the first and the last 8 words. */
INLINE floats_8 floats_of_bytes(uint64_t bytes) {
    const uint16x8_t words = vmovl_u8(vcreate_u8(bytes));
    return (floats_8){vcvtq_f32_u32(vmovl_u16(vget_low_u16(words))), vcvtq_f32_u32(vmovl_high_u16(words))};
}
INLINE floats_8 floats_of_8_words(int16x8_t words) {
    return (floats_8){vcvtq_f32_s32(vmovl_s16(vget_low_s16(words))), vcvtq_f32_s32(vmovl_high_s16(words))};
}
INLINE floats_8 floats_of_lower(words_16 words) { return floats_of_8_words(words.low); }
INLINE floats_8 floats_of_upper(words_16 words) { return floats_of_8_words(words.high); }

/* One float16. */
INLINE float load_half(const void *p) {
    __fp16 half;
    memcpy(&half, p, sizeof half);
    return half;
}

/* The values of the first 8 bytes; of 8 float16. */
INLINE floats_8 floats_of_u8(bytes_16 bytes) {
    return floats_of_8_words(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes))));
}
INLINE floats_8 floats_of_s8(bytes_16 bytes) {
    return floats_of_8_words(vmovl_s8(vreinterpret_s8_u8(vget_low_u8(bytes))));
}
INLINE floats_8 floats_of_halves(bytes_16 bytes) {
    const float16x8_t halves = vreinterpretq_f16_u8(bytes);
    return (floats_8){vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)};
}

/* 4 float16 that lie `stride` bytes apart; 8. */
INLINE float32x4_t gather_4_halves(const uint8_t *first, size_t stride) {
    uint16x4_t bits = vdup_n_u16(0);
    UNROLL
    for (int i = 0; i < 4; i++) {
        uint16_t half;
        memcpy(&half, first + (size_t)i * stride, sizeof half);
        bits[i] = half;
    }
    return vcvt_f32_f16(vreinterpret_f16_u16(bits));
}
INLINE floats_8 gather_halves(const uint8_t *first, size_t stride) {
    return (floats_8){gather_4_halves(first, stride), gather_4_halves(first + 4 * stride, stride)};
}

INLINE floats_8 load_8_f32(const void *p) { return (floats_8){vld1q_f32(p), vld1q_f32((const float *)p + 4)}; }
INLINE floats_8 load_8_f16(const void *p) { return floats_of_halves(vld1q_u8(p)); }
INLINE floats_8 load_8_bf16(const void *p) {
    const uint16x8_t bits = vld1q_u16(p);
    return (floats_8){vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(bits), 16)),
                      vreinterpretq_f32_u32(vshll_high_n_u16(bits, 16))};
}

/* The sum of the lanes: halves, quarters, neighbours. */
INLINE float sum_lanes(floats_8 v) {
    const float32x4_t four = vaddq_f32(v.low, v.high);
    return vpadds_f32(vadd_f32(vget_low_f32(four), vget_high_f32(four)));
}

INLINE void transpose_4(float32x4_t *a, float32x4_t *b, float32x4_t *c, float32x4_t *d) {
    const float64x2_t even_ab = vreinterpretq_f64_f32(vtrn1q_f32(*a, *b)),
                      odd_ab = vreinterpretq_f64_f32(vtrn2q_f32(*a, *b));
    const float64x2_t even_cd = vreinterpretq_f64_f32(vtrn1q_f32(*c, *d)),
                      odd_cd = vreinterpretq_f64_f32(vtrn2q_f32(*c, *d));
    *a = vreinterpretq_f32_f64(vzip1q_f64(even_ab, even_cd));
    *b = vreinterpretq_f32_f64(vzip1q_f64(odd_ab, odd_cd));
    *c = vreinterpretq_f32_f64(vzip2q_f64(even_ab, even_cd));
    *d = vreinterpretq_f32_f64(vzip2q_f64(odd_ab, odd_cd));
}

/* Rows become columns: v[i] lane j and v[j] lane i change places. */
INLINE void transpose(floats_8 v[8]) {
    UNROLL
    for (int i = 0; i < 8; i += 4) {
        transpose_4(&v[i].low, &v[i + 1].low, &v[i + 2].low, &v[i + 3].low);
        transpose_4(&v[i].high, &v[i + 1].high, &v[i + 2].high, &v[i + 3].high);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        const float32x4_t upper_right = v[i].high;
        v[i].high = v[i + 4].low;
        v[i + 4].low = upper_right;
    }
}

#endif
