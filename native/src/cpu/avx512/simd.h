/*
 * The vector wrapper of vector_kernels.inc for AVX-512: 16 floats, masks in registers of their own.
 */
#ifndef RWKV_SIMD_AVX512_H
#define RWKV_SIMD_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define SIMD_INLINE static inline __attribute__((always_inline))

#define SIMD_LANES 16

typedef __m512 simd_f32;
typedef __mmask16 simd_mask;

SIMD_INLINE simd_f32 simd_set(float x) { return _mm512_set1_ps(x); }
SIMD_INLINE simd_f32 simd_zero(void) { return _mm512_setzero_ps(); }

SIMD_INLINE simd_mask simd_first_lanes(size_t lanes) { return (simd_mask)((1u << lanes) - 1); }

/* Memory: `lanes` floats, 1 to 16; lanes that are not loaded are 0. Where lanes is a constant 16, a plain move. */
SIMD_INLINE simd_f32 simd_load(const float *p, size_t lanes) {
    return lanes == SIMD_LANES ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(simd_first_lanes(lanes), p);
}

SIMD_INLINE void simd_store(float *p, simd_f32 x, size_t lanes) {
    if (lanes == SIMD_LANES)
        _mm512_storeu_ps(p, x);
    else
        _mm512_mask_storeu_ps(p, simd_first_lanes(lanes), x);
}

/* The first `lanes` lanes of x, 0 in the others. */
SIMD_INLINE simd_f32 simd_first(simd_f32 x, size_t lanes) {
    return lanes == SIMD_LANES ? x : _mm512_maskz_mov_ps(simd_first_lanes(lanes), x);
}

SIMD_INLINE simd_f32 simd_add(simd_f32 a, simd_f32 b) { return _mm512_add_ps(a, b); }
SIMD_INLINE simd_f32 simd_sub(simd_f32 a, simd_f32 b) { return _mm512_sub_ps(a, b); }
SIMD_INLINE simd_f32 simd_mul(simd_f32 a, simd_f32 b) { return _mm512_mul_ps(a, b); }
SIMD_INLINE simd_f32 simd_div(simd_f32 a, simd_f32 b) { return _mm512_div_ps(a, b); }
/* a * b + c, rounded once */
SIMD_INLINE simd_f32 simd_fma(simd_f32 a, simd_f32 b, simd_f32 c) { return _mm512_fmadd_ps(a, b, c); }
/* c - a * b, rounded once */
SIMD_INLINE simd_f32 simd_fnma(simd_f32 a, simd_f32 b, simd_f32 c) { return _mm512_fnmadd_ps(a, b, c); }

/* b where either is NaN */
SIMD_INLINE simd_f32 simd_max(simd_f32 a, simd_f32 b) { return _mm512_max_ps(a, b); }
SIMD_INLINE simd_f32 simd_min(simd_f32 a, simd_f32 b) { return _mm512_min_ps(a, b); }

#define SIMD_SIGN _mm512_set1_ps(-0.0f)
SIMD_INLINE simd_f32 simd_abs(simd_f32 x) { return _mm512_andnot_ps(SIMD_SIGN, x); }
/* -|x| */
SIMD_INLINE simd_f32 simd_negative_abs(simd_f32 x) { return _mm512_or_ps(SIMD_SIGN, x); }
/* x, which is not negative, with the sign of `sign` */
SIMD_INLINE simd_f32 simd_with_sign(simd_f32 x, simd_f32 sign) {
    return _mm512_or_ps(x, _mm512_and_ps(SIMD_SIGN, sign));
}

SIMD_INLINE simd_mask simd_less(simd_f32 a, simd_f32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
/* mask ? a : b */
SIMD_INLINE simd_f32 simd_select(simd_mask mask, simd_f32 a, simd_f32 b) { return _mm512_mask_blend_ps(mask, b, a); }

/* To the nearest integer, ties to even. */
SIMD_INLINE simd_f32 simd_round(simd_f32 x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* x * 2^exponent, an integer. */
SIMD_INLINE simd_f32 simd_scale(simd_f32 x, simd_f32 exponent) { return _mm512_scalef_ps(x, exponent); }

/* Lane i with lane i + 8; the 8 sums then as in AVX2: ((x0 + x4) + (x2 + x6)) + ((x1 + x5) + (x3 + x7)). */
SIMD_INLINE float simd_sum(simd_f32 x) {
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#endif
