/*
 * The vector wrapper of vector_kernels.inc for AVX2 with FMA: 8 floats. Each function is one or a few instructions;
 * another instruction set provides the same names.
 */
#ifndef RWKV_SIMD_H
#define RWKV_SIMD_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_MSC_VER)
#define SIMD_INLINE static __forceinline
#else
#define SIMD_INLINE static inline __attribute__((always_inline))
#endif

#define SIMD_LANES 8

typedef __m256 simd_f32;
typedef __m256 simd_mask; /* a comparison's result, all bits of a lane alike */

SIMD_INLINE simd_f32 simd_set(float x) { return _mm256_set1_ps(x); }
SIMD_INLINE simd_f32 simd_zero(void) { return _mm256_setzero_ps(); }

/* -1 in the first `lanes` of 8 lanes. */
SIMD_INLINE __m256i simd_first_lanes(size_t lanes) {
    static const int32_t ones_then_zeros[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256((const __m256i *)(ones_then_zeros + 8 - lanes));
}

/* Memory: `lanes` floats, 1 to 8; lanes that are not loaded are 0. Where lanes is a constant 8, a plain move. */
SIMD_INLINE simd_f32 simd_load(const float *p, size_t lanes) {
    return lanes == SIMD_LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, simd_first_lanes(lanes));
}

SIMD_INLINE void simd_store(float *p, simd_f32 x, size_t lanes) {
    if (lanes == SIMD_LANES)
        _mm256_storeu_ps(p, x);
    else
        _mm256_maskstore_ps(p, simd_first_lanes(lanes), x);
}

/* The first `lanes` lanes of x, 0 in the others. */
SIMD_INLINE simd_f32 simd_first(simd_f32 x, size_t lanes) {
    return lanes == SIMD_LANES ? x : _mm256_and_ps(x, _mm256_castsi256_ps(simd_first_lanes(lanes)));
}

SIMD_INLINE simd_f32 simd_add(simd_f32 a, simd_f32 b) { return _mm256_add_ps(a, b); }
SIMD_INLINE simd_f32 simd_sub(simd_f32 a, simd_f32 b) { return _mm256_sub_ps(a, b); }
SIMD_INLINE simd_f32 simd_mul(simd_f32 a, simd_f32 b) { return _mm256_mul_ps(a, b); }
SIMD_INLINE simd_f32 simd_div(simd_f32 a, simd_f32 b) { return _mm256_div_ps(a, b); }
/* a * b + c, rounded once */
SIMD_INLINE simd_f32 simd_fma(simd_f32 a, simd_f32 b, simd_f32 c) { return _mm256_fmadd_ps(a, b, c); }
/* c - a * b, rounded once */
SIMD_INLINE simd_f32 simd_fnma(simd_f32 a, simd_f32 b, simd_f32 c) { return _mm256_fnmadd_ps(a, b, c); }

/* b where either is NaN */
SIMD_INLINE simd_f32 simd_max(simd_f32 a, simd_f32 b) { return _mm256_max_ps(a, b); }
SIMD_INLINE simd_f32 simd_min(simd_f32 a, simd_f32 b) { return _mm256_min_ps(a, b); }

#define SIMD_SIGN _mm256_set1_ps(-0.0f)
SIMD_INLINE simd_f32 simd_abs(simd_f32 x) { return _mm256_andnot_ps(SIMD_SIGN, x); }
/* -|x| */
SIMD_INLINE simd_f32 simd_negative_abs(simd_f32 x) { return _mm256_or_ps(SIMD_SIGN, x); }
/* x, which is not negative, with the sign of `sign` */
SIMD_INLINE simd_f32 simd_with_sign(simd_f32 x, simd_f32 sign) {
    return _mm256_or_ps(x, _mm256_and_ps(SIMD_SIGN, sign));
}

SIMD_INLINE simd_mask simd_less(simd_f32 a, simd_f32 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
/* mask ? a : b */
SIMD_INLINE simd_f32 simd_select(simd_mask mask, simd_f32 a, simd_f32 b) { return _mm256_blendv_ps(b, a, mask); }

/* To the nearest integer, ties to even. */
SIMD_INLINE simd_f32 simd_round(simd_f32 x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 2^exponent for integers -126..127. */
SIMD_INLINE simd_f32 simd_power_of_two(__m256i exponent) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23));
}

/* x * 2^exponent, an integer in -252..254; in two steps, as the result may be subnormal or infinite. */
SIMD_INLINE simd_f32 simd_scale(simd_f32 x, simd_f32 exponent) {
    __m256i whole = _mm256_cvtps_epi32(exponent);
    __m256i half = _mm256_srai_epi32(whole, 1);
    __m256i rest = _mm256_sub_epi32(whole, half);
    return _mm256_mul_ps(_mm256_mul_ps(x, simd_power_of_two(half)), simd_power_of_two(rest));
}

/* ((x0 + x4) + (x2 + x6)) + ((x1 + x5) + (x3 + x7)) */
SIMD_INLINE float simd_sum(simd_f32 x) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#endif
