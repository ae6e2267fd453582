/*
 * The words of simd/unpack.h and simd/pack.inc for AVX2: bytes, 16-bit integers and floats as they come out of blocks.
 * Each function is one or a few instructions; another instruction set provides the same names.
 */
#ifndef RWKV_LANES_H
#define RWKV_LANES_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../simd/inline.h"

typedef __m128i bytes_16;
typedef __m256i bytes_32;
typedef __m256i words_16; /* 16 signed integers of 16 bits */
typedef __m256 floats_8;

/* ------------------------------------------------------------------ bytes */

INLINE bytes_16 load_16_bytes(const void *p) { return _mm_loadu_si128(p); }
INLINE bytes_32 load_32_bytes(const void *p) { return _mm256_loadu_si256(p); }

/* 8 bytes, and 8 more that lie `stride` bytes further on. */
INLINE bytes_16 load_eights(const void *p, size_t stride) {
    return _mm_unpacklo_epi64(_mm_loadl_epi64(p), _mm_loadl_epi64((const __m128i *)((const char *)p + stride)));
}

INLINE bytes_16 bytes_of_words(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3) {
    return _mm_setr_epi32((int)w0, (int)w1, (int)w2, (int)w3);
}

INLINE bytes_32 join(bytes_16 low, bytes_16 high) { return _mm256_setr_m128i(low, high); }
INLINE bytes_32 no_bytes(void) { return _mm256_setzero_si256(); }
INLINE bytes_32 all_bytes(int byte) { return _mm256_set1_epi8((char)byte); }

/* Four bytes everywhere; four in the whole lower half, four in the upper one. */
INLINE bytes_32 all_fours(uint32_t four) { return _mm256_set1_epi32((int)four); }
INLINE bytes_32 fours(uint32_t low, uint32_t high) {
    return _mm256_setr_m128i(_mm_set1_epi32((int)low), _mm_set1_epi32((int)high));
}

INLINE bytes_32 and_bytes(bytes_32 a, bytes_32 b) { return _mm256_and_si256(a, b); }
INLINE bytes_32 or_bytes(bytes_32 a, bytes_32 b) { return _mm256_or_si256(a, b); }
INLINE bytes_32 add_bytes(bytes_32 a, bytes_32 b) { return _mm256_add_epi8(a, b); }

/* The lower nibbles of 16 bytes, then the upper ones. */
INLINE bytes_32 nibbles(bytes_16 bytes) {
    return _mm256_and_si256(join(bytes, _mm_srli_epi16(bytes, 4)), _mm256_set1_epi8(15));
}

INLINE bytes_32 lower_nibbles(bytes_32 bytes) { return _mm256_and_si256(bytes, _mm256_set1_epi8(15)); }
INLINE bytes_32 upper_nibbles(bytes_32 bytes) { return lower_nibbles(_mm256_srli_epi16(bytes, 4)); }

/* What a shift brings in at the end of a byte is undefined: a mask has to follow. */
INLINE bytes_32 shift_right(bytes_32 bytes, int bits) { return _mm256_srli_epi16(bytes, bits); }
INLINE bytes_32 shift_left(bytes_32 bytes, int bits) { return _mm256_slli_epi16(bytes, bits); }

/* `value` in the bytes that have the one bit of `bit`, 0 in the others. */
INLINE bytes_32 where_set(bytes_32 bytes, bytes_32 bit, int value) {
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
    return _mm256_and_si256(set, _mm256_set1_epi8((char)value));
}

/* Entry `index` (0..15 each) of the table in the same half. */
INLINE bytes_32 look_up(bytes_32 tables, bytes_32 index) { return _mm256_shuffle_epi8(tables, index); }

/* Products of integers of 2 bits and of bytes, whose lower 8 bits are kept. */
INLINE bytes_32 multiply_two_bits(bytes_32 two_bits, bytes_32 factor) {
    const __m256i ones = _mm256_set1_epi8(1), zero = _mm256_setzero_si256();
    const __m256i once = _mm256_sub_epi8(zero, _mm256_and_si256(two_bits, ones));
    const __m256i twice = _mm256_sub_epi8(zero, _mm256_and_si256(_mm256_srli_epi16(two_bits, 1), ones));
    return _mm256_add_epi8(_mm256_and_si256(once, factor), _mm256_and_si256(twice, _mm256_add_epi8(factor, factor)));
}

/* The first 8 bytes of each, by turns. */
INLINE bytes_16 by_turns(bytes_16 a, bytes_16 b) { return _mm_unpacklo_epi8(a, b); }

/* Of columns a, b, c, d: a0 b0 c0 d0 a1 b1 … */
INLINE void interleave_4(bytes_32 rows[4], const bytes_32 columns[4]) {
    const __m256i ab_low = _mm256_unpacklo_epi8(columns[0], columns[1]);
    const __m256i ab_high = _mm256_unpackhi_epi8(columns[0], columns[1]);
    const __m256i cd_low = _mm256_unpacklo_epi8(columns[2], columns[3]);
    const __m256i cd_high = _mm256_unpackhi_epi8(columns[2], columns[3]);
    /* rows 0 to 3 and 16 to 19, and so on */
    const __m256i first = _mm256_unpacklo_epi16(ab_low, cd_low), second = _mm256_unpackhi_epi16(ab_low, cd_low);
    const __m256i third = _mm256_unpacklo_epi16(ab_high, cd_high), fourth = _mm256_unpackhi_epi16(ab_high, cd_high);
    rows[0] = _mm256_permute2x128_si256(first, second, 0x20);
    rows[1] = _mm256_permute2x128_si256(third, fourth, 0x20);
    rows[2] = _mm256_permute2x128_si256(first, second, 0x31);
    rows[3] = _mm256_permute2x128_si256(third, fourth, 0x31);
}

/* ------------------------------------------------------------------ 16-bit integers */

INLINE words_16 words_of_u8(bytes_16 bytes) { return _mm256_cvtepu8_epi16(bytes); }
INLINE words_16 words_of_s8(bytes_16 bytes) { return _mm256_cvtepi8_epi16(bytes); }
/* Of words in 0..255. */
INLINE words_16 lower_nibbles_of_words(words_16 words) { return _mm256_and_si256(words, _mm256_set1_epi16(15)); }
INLINE words_16 upper_nibbles_of_words(words_16 words) { return _mm256_srli_epi16(words, 4); }

INLINE words_16 add_words(words_16 words, int addend) {
    return _mm256_add_epi16(words, _mm256_set1_epi16((short)addend));
}

/* ------------------------------------------------------------------ floats */

INLINE floats_8 no_floats(void) { return _mm256_setzero_ps(); }
INLINE floats_8 all_floats(float f) { return _mm256_set1_ps(f); }
INLINE floats_8 multiply_floats(floats_8 a, floats_8 b) { return _mm256_mul_ps(a, b); }
INLINE void store_8_floats(void *p, floats_8 floats) { _mm256_storeu_ps(p, floats); }

/* Bits that are to be moved as if they were floats. */
INLINE floats_8 bytes_as_floats(bytes_32 bytes) { return _mm256_castsi256_ps(bytes); }
INLINE floats_8 words_as_floats(words_16 words) { return _mm256_castsi256_ps(words); }

/* The values of 8 unsigned bytes; of the first and the last 8 words. */
INLINE floats_8 floats_of_bytes(uint64_t bytes) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes)));
}
INLINE floats_8 floats_of_lower(words_16 words) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(words)));
}
INLINE floats_8 floats_of_upper(words_16 words) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(words, 1)));
}

INLINE uint16_t half_bits(const void *p) {
    uint16_t bits;
    memcpy(&bits, p, sizeof bits);
    return bits;
}

/* One float16. */
INLINE float load_half(const void *p) { return _cvtsh_ss(half_bits(p)); }

/* 8 float16 that lie `stride` bytes apart. */
INLINE floats_8 gather_halves(const uint8_t *first, size_t stride) {
    __m128i halves = _mm_setzero_si128();
#define INSERT(i) halves = _mm_insert_epi16(halves, half_bits(first + i * stride), i)
    INSERT(0);
    INSERT(1);
    INSERT(2);
    INSERT(3);
    INSERT(4);
    INSERT(5);
    INSERT(6);
    INSERT(7);
#undef INSERT
    return _mm256_cvtph_ps(halves);
}

/* The values of the first 8 bytes; of 8 float16. */
INLINE floats_8 floats_of_u8(bytes_16 bytes) { return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)); }
INLINE floats_8 floats_of_s8(bytes_16 bytes) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)); }

INLINE floats_8 load_8_f32(const void *p) { return _mm256_loadu_ps(p); }
INLINE floats_8 floats_of_halves(bytes_16 halves) { return _mm256_cvtph_ps(halves); }
INLINE floats_8 load_8_f16(const void *p) { return floats_of_halves(load_16_bytes(p)); }
INLINE floats_8 load_8_bf16(const void *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
}

/* The sum of the lanes: halves, quarters, neighbours. */
INLINE float sum_lanes(floats_8 v) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    sum = _mm_add_ss(sum, _mm_movehdup_ps(sum));
    return _mm_cvtss_f32(sum);
}

/* Rows become columns: v[i] lane j and v[j] lane i change places. */
INLINE void transpose(floats_8 v[8]) {
    __m256 pairs[8], fours[8];
    UNROLL
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) {
        fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
        fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
        fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
        fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
    }
}

#endif
