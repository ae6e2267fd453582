/* The words of x86/gemm.inc and simd/columns.inc in registers of 512 bits, with the products of VNNI. */
#ifndef RWKV_ZMM_H
#define RWKV_ZMM_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../simd/inline.h"

enum { FLOATS = 16 };

typedef __m512i integers;
typedef __m512 floats;

/* ------------------------------------------------------------------ integers */

INLINE integers load(const void *p) { return _mm512_loadu_si512(p); }
INLINE integers load_repeated(const void *p, const size_t bytes, size_t at) {
    (void)at; /* a multiple of 64 */
    return bytes == 16 ? _mm512_broadcast_i32x4(_mm_loadu_si128(p)) : _mm512_broadcast_i64x4(_mm256_loadu_si256(p));
}
INLINE integers widen_u8(const void *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128(p)); }
INLINE integers widen_s8(const void *p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128(p)); }
INLINE integers splat(int32_t i) { return _mm512_set1_epi32(i); }
INLINE integers broadcast_4(const void *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return splat(four);
}
INLINE integers or_bits(integers a, integers b) { return _mm512_or_si512(a, b); }
INLINE integers shift_and_mask(integers bytes, const int right, const int mask) {
    const __m512i shifted = right > 0   ? _mm512_srli_epi16(bytes, (unsigned)right)
                            : right < 0 ? _mm512_slli_epi16(bytes, (unsigned)-right)
                                        : bytes;
    return _mm512_and_si512(shifted, _mm512_set1_epi8((char)mask));
}
INLINE integers shift_pieces(integers pieces, const int bits, const int first) {
#define COUNT(i) bits *((first + i) / bits)
    return _mm512_srlv_epi64(
        pieces, _mm512_setr_epi64(COUNT(0), COUNT(0), COUNT(1), COUNT(1), COUNT(2), COUNT(2), COUNT(3), COUNT(3)));
#undef COUNT
}
INLINE uint32_t where_not_zero(const void *bytes) {
    const __m256i all = _mm256_loadu_si256(bytes);
    return _mm256_test_epi8_mask(all, all);
}
INLINE integers look_up(const void *table, integers index) {
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(table)), index);
}

INLINE void interleave(integers rows[4], const integers columns[4]) {
    const __m512i ab_low = _mm512_unpacklo_epi8(columns[0], columns[1]);
    const __m512i ab_high = _mm512_unpackhi_epi8(columns[0], columns[1]);
    const __m512i cd_low = _mm512_unpacklo_epi8(columns[2], columns[3]);
    const __m512i cd_high = _mm512_unpackhi_epi8(columns[2], columns[3]);
    rows[0] = _mm512_unpacklo_epi16(ab_low, cd_low);
    rows[1] = _mm512_unpackhi_epi16(ab_low, cd_low);
    rows[2] = _mm512_unpacklo_epi16(ab_high, cd_high);
    rows[3] = _mm512_unpackhi_epi16(ab_high, cd_high);
}

/* vpdpbusd wants weights unsigned: signed ones get 128 added. */
enum { SIGNED_OFFSET = 128 };

INLINE integers dot_unsigned(integers sum, integers weights, integers x) {
    return _mm512_dpbusd_epi32(sum, weights, x);
}
INLINE integers dot_signed(integers sum, integers weights, integers x) {
    return dot_unsigned(sum, _mm512_xor_si512(weights, _mm512_set1_epi8((char)-SIGNED_OFFSET)), x);
}
INLINE integers dot_words(integers sum, integers a, integers b) { return _mm512_dpwssd_epi32(sum, a, b); }

/* ------------------------------------------------------------------ floats */

INLINE floats splat_float(float f) { return _mm512_set1_ps(f); }
INLINE floats to_floats(integers i) { return _mm512_cvtepi32_ps(i); }
INLINE integers sum_from(int32_t first) { return splat(first); }
INLINE floats float_of_sum(integers sum) { return to_floats(sum); }
INLINE floats multiply(floats a, floats b) { return _mm512_mul_ps(a, b); }
INLINE floats add(floats a, floats b) { return _mm512_add_ps(a, b); }
INLINE floats add_product(floats sum, floats a, floats b) { return _mm512_fmadd_ps(a, b, sum); }
INLINE floats load_f32(const void *p) { return _mm512_loadu_ps(p); }
INLINE floats load_half(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }
INLINE floats load_brain(const void *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16));
}
INLINE void store(float *p, floats f) { _mm512_storeu_ps(p, f); }

/* A transposition of 4 x 4 lanes of 128 bits. */
INLINE void in_order(floats v[4]) {
    const __m512 a = _mm512_shuffle_f32x4(v[0], v[1], 0x44), b = _mm512_shuffle_f32x4(v[2], v[3], 0x44);
    const __m512 c = _mm512_shuffle_f32x4(v[0], v[1], 0xee), d = _mm512_shuffle_f32x4(v[2], v[3], 0xee);
    v[0] = _mm512_shuffle_f32x4(a, b, 0x88);
    v[1] = _mm512_shuffle_f32x4(a, b, 0xdd);
    v[2] = _mm512_shuffle_f32x4(c, d, 0x88);
    v[3] = _mm512_shuffle_f32x4(c, d, 0xdd);
}

/* The first `count` lanes, 1 to 16. */
INLINE void store_some(float *p, floats f, size_t count) {
    _mm512_mask_storeu_ps(p, (__mmask16)(((uint32_t)1 << count) - 1), f);
}

#endif
