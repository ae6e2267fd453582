/*
 * The words of x86/gemm.inc and simd/columns.inc in registers of 256 bits, for AVX2. Products of integers are not among
 * them: a tier has its own.
 */
#ifndef RWKV_YMM_H
#define RWKV_YMM_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../simd/inline.h"

enum { FLOATS = 8 };

typedef __m256i integers;
typedef __m256 floats;

/* ------------------------------------------------------------------ integers */

INLINE integers load(const void *p) { return _mm256_loadu_si256(p); }
INLINE integers load_repeated(const void *p, const size_t bytes, size_t at) {
    (void)at; /* a multiple of 32 */
    return bytes == 16 ? _mm256_broadcastsi128_si256(_mm_loadu_si128(p)) : load(p);
}
INLINE integers widen_u8(const void *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64(p)); }
INLINE integers widen_s8(const void *p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64(p)); }
INLINE integers splat(int32_t i) { return _mm256_set1_epi32(i); }
INLINE integers broadcast_4(const void *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return splat(four);
}
INLINE integers or_bits(integers a, integers b) { return _mm256_or_si256(a, b); }
INLINE integers shift_and_mask(integers bytes, const int right, const int mask) {
    const __m256i shifted = right > 0   ? _mm256_srli_epi16(bytes, right)
                            : right < 0 ? _mm256_slli_epi16(bytes, -right)
                                        : bytes;
    return _mm256_and_si256(shifted, _mm256_set1_epi8((char)mask));
}
INLINE integers shift_pieces(integers pieces, const int bits, const int first) {
#define COUNT(i) bits *((first + i) / bits)
    return _mm256_srlv_epi64(pieces, _mm256_setr_epi64x(COUNT(0), COUNT(0), COUNT(1), COUNT(1)));
#undef COUNT
}
INLINE uint32_t where_not_zero(const void *bytes) {
    const __m256i zeros = _mm256_cmpeq_epi8(load(bytes), _mm256_setzero_si256());
    return ~(uint32_t)_mm256_movemask_epi8(zeros);
}
INLINE integers look_up(const void *table, integers index) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(table)), index);
}

INLINE void interleave(integers rows[4], const integers columns[4]) {
    const __m256i ab_low = _mm256_unpacklo_epi8(columns[0], columns[1]);
    const __m256i ab_high = _mm256_unpackhi_epi8(columns[0], columns[1]);
    const __m256i cd_low = _mm256_unpacklo_epi8(columns[2], columns[3]);
    const __m256i cd_high = _mm256_unpackhi_epi8(columns[2], columns[3]);
    rows[0] = _mm256_unpacklo_epi16(ab_low, cd_low);
    rows[1] = _mm256_unpackhi_epi16(ab_low, cd_low);
    rows[2] = _mm256_unpacklo_epi16(ab_high, cd_high);
    rows[3] = _mm256_unpackhi_epi16(ab_high, cd_high);
}

/* ------------------------------------------------------------------ floats */

INLINE floats splat_float(float f) { return _mm256_set1_ps(f); }
INLINE floats to_floats(integers i) { return _mm256_cvtepi32_ps(i); }
INLINE integers sum_from(int32_t first) { return splat(first); }
INLINE floats float_of_sum(integers sum) { return to_floats(sum); }
INLINE floats multiply(floats a, floats b) { return _mm256_mul_ps(a, b); }
INLINE floats add(floats a, floats b) { return _mm256_add_ps(a, b); }
INLINE floats add_product(floats sum, floats a, floats b) { return _mm256_fmadd_ps(a, b, sum); }
INLINE floats load_f32(const void *p) { return _mm256_loadu_ps(p); }
INLINE floats load_half(const void *p) { return _mm256_cvtph_ps(_mm_loadu_si128(p)); }
INLINE floats load_brain(const void *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
}
INLINE void store(float *p, floats f) { _mm256_storeu_ps(p, f); }

/* As many as there are of the first lanes of 128 bits, then of the second. */
INLINE void in_order(floats v[4]) {
    const __m256 a = _mm256_permute2f128_ps(v[0], v[1], 0x20), b = _mm256_permute2f128_ps(v[2], v[3], 0x20);
    const __m256 c = _mm256_permute2f128_ps(v[0], v[1], 0x31), d = _mm256_permute2f128_ps(v[2], v[3], 0x31);
    v[0] = a;
    v[1] = b;
    v[2] = c;
    v[3] = d;
}

/* The first `count` lanes, 1 to 8. */
INLINE void store_some(float *p, floats f, size_t count) {
    float all[FLOATS];
    _mm256_storeu_ps(all, f);
    memcpy(p, all, count * sizeof *p);
}

#endif
