/*
 * Products of integers, AVX2: vpmaddubsw multiplies unsigned weights and signed activations and adds two neighbours in
 * 16 bits, which hold it for weights of at most 128. Signed weights are their magnitude, times activations that have
 * been given their sign.
 */
#ifndef RWKV_DOTS_H
#define RWKV_DOTS_H

#include <immintrin.h>

#include "../simd/inline.h"

enum { SIGNED_OFFSET = 0, LARGEST_UNSIGNED = 128 };

INLINE __m256i dot_words(__m256i sum, __m256i a, __m256i b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }

INLINE __m256i dot_unsigned(__m256i sum, __m256i weights, __m256i x) {
    return dot_words(sum, _mm256_maddubs_epi16(weights, x), _mm256_set1_epi16(1));
}
INLINE __m256i dot_signed(__m256i sum, __m256i weights, __m256i x) {
    return dot_unsigned(sum, _mm256_abs_epi8(weights), _mm256_sign_epi8(x, weights));
}

#endif
