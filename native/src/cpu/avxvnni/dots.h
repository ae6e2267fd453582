/*
 * Products of integers, AVX-VNNI: vpdpbusd adds four products of unsigned weights and signed activations to a lane of
 * 32 bits. It wants weights unsigned: signed ones get 128 added.
 */
#ifndef RWKV_DOTS_H
#define RWKV_DOTS_H

#include <immintrin.h>

#include "../simd/inline.h"

enum { SIGNED_OFFSET = 128, LARGEST_UNSIGNED = 255 };

#ifdef __AVXVNNI__
INLINE __m256i dot_unsigned(__m256i sum, __m256i weights, __m256i x) {
    return _mm256_dpbusd_avx_epi32(sum, weights, x);
}
INLINE __m256i dot_words(__m256i sum, __m256i a, __m256i b) { return _mm256_dpwssd_avx_epi32(sum, a, b); }
#else
/* The same instructions as AVX-512 encodes them, see RWKV_AVXVNNI_AS_EVEX. */
INLINE __m256i dot_unsigned(__m256i sum, __m256i weights, __m256i x) { return _mm256_dpbusd_epi32(sum, weights, x); }
INLINE __m256i dot_words(__m256i sum, __m256i a, __m256i b) { return _mm256_dpwssd_epi32(sum, a, b); }
#endif

INLINE __m256i dot_signed(__m256i sum, __m256i weights, __m256i x) {
    return dot_unsigned(sum, _mm256_xor_si256(weights, _mm256_set1_epi8((char)-SIGNED_OFFSET)), x);
}

#endif
