/*
 * The vector wrapper of vector_kernels.inc and search.inc for NEON: 4 floats.
 */
#ifndef RWKV_SIMD_NEON_H
#define RWKV_SIMD_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define SIMD_INLINE static inline __attribute__((always_inline))

#define SIMD_LANES 4

typedef float32x4_t simd_f32;
typedef uint32x4_t simd_mask; /* a comparison's result, all bits of a lane alike */

SIMD_INLINE simd_f32 simd_set(float x) { return vdupq_n_f32(x); }
SIMD_INLINE simd_f32 simd_zero(void) { return vdupq_n_f32(0); }

/* Memory: `lanes` floats, 1 to 4; lanes that are not loaded are 0. Where lanes is a constant 4, a plain move. */
SIMD_INLINE simd_f32 simd_load(const float *p, size_t lanes) {
    if (lanes == SIMD_LANES) return vld1q_f32(p);
    simd_f32 x = vsetq_lane_f32(p[0], simd_zero(), 0);
    if (lanes > 1) x = vsetq_lane_f32(p[1], x, 1);
    if (lanes > 2) x = vsetq_lane_f32(p[2], x, 2);
    return x;
}

SIMD_INLINE void simd_store(float *p, simd_f32 x, size_t lanes) {
    if (lanes == SIMD_LANES) {
        vst1q_f32(p, x);
        return;
    }
    p[0] = vgetq_lane_f32(x, 0);
    if (lanes > 1) p[1] = vgetq_lane_f32(x, 1);
    if (lanes > 2) p[2] = vgetq_lane_f32(x, 2);
}

/* The first `lanes` lanes of x, 0 in the others. */
SIMD_INLINE simd_f32 simd_first(simd_f32 x, size_t lanes) {
    static const uint32_t index[SIMD_LANES] = {0, 1, 2, 3};
    if (lanes == SIMD_LANES) return x;
    const uint32x4_t first = vcltq_u32(vld1q_u32(index), vdupq_n_u32((uint32_t)lanes));
    return vreinterpretq_f32_u32(vandq_u32(first, vreinterpretq_u32_f32(x)));
}

SIMD_INLINE simd_f32 simd_add(simd_f32 a, simd_f32 b) { return vaddq_f32(a, b); }
SIMD_INLINE simd_f32 simd_sub(simd_f32 a, simd_f32 b) { return vsubq_f32(a, b); }
SIMD_INLINE simd_f32 simd_mul(simd_f32 a, simd_f32 b) { return vmulq_f32(a, b); }
SIMD_INLINE simd_f32 simd_div(simd_f32 a, simd_f32 b) { return vdivq_f32(a, b); }
/* a * b + c, rounded once */
SIMD_INLINE simd_f32 simd_fma(simd_f32 a, simd_f32 b, simd_f32 c) { return vfmaq_f32(c, a, b); }
/* c - a * b, rounded once */
SIMD_INLINE simd_f32 simd_fnma(simd_f32 a, simd_f32 b, simd_f32 c) { return vfmsq_f32(c, a, b); }

SIMD_INLINE simd_mask simd_less(simd_f32 a, simd_f32 b) { return vcltq_f32(a, b); }
/* mask ? a : b */
SIMD_INLINE simd_f32 simd_select(simd_mask mask, simd_f32 a, simd_f32 b) { return vbslq_f32(mask, a, b); }

/* b where either is NaN, which fmax and fmin would give instead */
SIMD_INLINE simd_f32 simd_max(simd_f32 a, simd_f32 b) { return simd_select(simd_less(b, a), a, b); }
SIMD_INLINE simd_f32 simd_min(simd_f32 a, simd_f32 b) { return simd_select(simd_less(a, b), a, b); }

SIMD_INLINE simd_f32 simd_abs(simd_f32 x) { return vabsq_f32(x); }
/* -|x| */
SIMD_INLINE simd_f32 simd_negative_abs(simd_f32 x) { return vnegq_f32(vabsq_f32(x)); }
/* x, which is not negative, with the sign of `sign` */
SIMD_INLINE simd_f32 simd_with_sign(simd_f32 x, simd_f32 sign) { return vbslq_f32(vdupq_n_u32(0x80000000), sign, x); }

/* To the nearest integer, ties to even. */
SIMD_INLINE simd_f32 simd_round(simd_f32 x) { return vrndnq_f32(x); }

/* 2^exponent for integers -126..127. */
SIMD_INLINE simd_f32 simd_power_of_two(int32x4_t exponent) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(exponent, vdupq_n_s32(127)), 23));
}

/* x * 2^exponent, an integer in -252..254; in two steps, as the result may be subnormal or infinite. */
SIMD_INLINE simd_f32 simd_scale(simd_f32 x, simd_f32 exponent) {
    const int32x4_t whole = vcvtq_s32_f32(exponent), half = vshrq_n_s32(whole, 1);
    return vmulq_f32(vmulq_f32(x, simd_power_of_two(half)), simd_power_of_two(vsubq_s32(whole, half)));
}

/* (x0 + x2) + (x1 + x3) */
SIMD_INLINE float simd_sum(simd_f32 x) { return vpadds_f32(vadd_f32(vget_low_f32(x), vget_high_f32(x))); }

#endif
