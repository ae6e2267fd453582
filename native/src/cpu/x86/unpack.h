/*
 * Block formats, one group of 32 weights at a time, into registers: the integers as 32 bytes in the order of their
 * elements (Q8_0 and IQ4_NL signed), scales and minima of 8 groups at once ("octet": a whole block of 256). Types with
 * a scale for each 16 weights have those of a block as integers ("sixteen").
 *
 * value = scale * q + minimum
 */
#ifndef RWKV_UNPACK_H
#define RWKV_UNPACK_H

#include <immintrin.h>

#include "../../quant/blocks.h"
#include "inline.h"

/* The sum of the lanes: halves, quarters, neighbours. */
INLINE float sum_lanes(__m256 v) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    sum = _mm_add_ss(sum, _mm_movehdup_ps(sum));
    return _mm_cvtss_f32(sum);
}

struct octet {
    __m256 scale, minimum;
};

typedef __m256i unpack_q(const void *row, size_t group);

/* Of `count` groups from `group` on, 1 <= count <= 8, the rest are 0. `group` is a multiple of 8. */
typedef struct octet unpack_scales(const void *row, size_t group, int count);

/* ------------------------------------------------------------------ blocks of 32 */

/* `count` float16 numbers that lie `stride` bytes apart. */
INLINE __m256 gather_f16(const uint8_t *first, size_t stride, int count) {
    __m128i halves = _mm_setzero_si128();
    if (count == 8) {
#define INSERT(i) halves = _mm_insert_epi16(halves, load_u16(first + i * stride), i)
        INSERT(0);
        INSERT(1);
        INSERT(2);
        INSERT(3);
        INSERT(4);
        INSERT(5);
        INSERT(6);
        INSERT(7);
#undef INSERT
    } else {
        uint16_t some[8] = {0};
        for (int i = 0; i < count; i++) some[i] = load_u16(first + (size_t)i * stride);
        halves = _mm_loadu_si128((const __m128i *)some);
    }
    return _mm256_cvtph_ps(halves);
}

INLINE __m256i nibbles(const uint8_t qs[16]) {
    const __m128i bytes = _mm_loadu_si128((const __m128i *)qs);
    const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(bytes), _mm_srli_epi16(bytes, 4), 1);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* 16 in each byte whose bit is set. */
INLINE __m256i fifth_bits(const uint8_t qh[4]) {
    const __m256i byte_of_element = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, /**/
                                                     2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    const __m256i bit_of_element = _mm256_set1_epi64x((long long)0x8040201008040201);
    const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int)load_u32(qh)), byte_of_element);
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit_of_element), bit_of_element);
    return _mm256_and_si256(set, _mm256_set1_epi8(16));
}

INLINE __m256i unpack_q_q8_0(const void *row, size_t group) {
    const struct block_q8_0 *block = (const struct block_q8_0 *)row + group;
    return _mm256_loadu_si256((const __m256i *)block->qs);
}

INLINE __m256i unpack_q_q4_0(const void *row, size_t group) {
    const struct block_q4_0 *block = (const struct block_q4_0 *)row + group;
    return nibbles(block->qs);
}

INLINE __m256i unpack_q_q4_1(const void *row, size_t group) {
    const struct block_q4_1 *block = (const struct block_q4_1 *)row + group;
    return nibbles(block->qs);
}

INLINE __m256i unpack_q_q5_0(const void *row, size_t group) {
    const struct block_q5_0 *block = (const struct block_q5_0 *)row + group;
    return _mm256_or_si256(nibbles(block->qs), fifth_bits(block->qh));
}

INLINE __m256i unpack_q_q5_1(const void *row, size_t group) {
    const struct block_q5_1 *block = (const struct block_q5_1 *)row + group;
    return _mm256_or_si256(nibbles(block->qs), fifth_bits(block->qh));
}

INLINE __m256i unpack_q_iq4_nl(const void *row, size_t group) {
    const struct block_iq4_nl *block = (const struct block_iq4_nl *)row + group;
    const __m256i values = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)iq4_nl_values));
    return _mm256_shuffle_epi8(values, nibbles(block->qs));
}

INLINE struct octet unpack_scales_q8_0(const void *row, size_t group, int count) {
    const struct block_q8_0 *block = (const struct block_q8_0 *)row + group;
    return (struct octet){gather_f16(block->d, sizeof *block, count), _mm256_setzero_ps()};
}

INLINE struct octet unpack_scales_q4_0(const void *row, size_t group, int count) {
    const struct block_q4_0 *block = (const struct block_q4_0 *)row + group;
    const __m256 d = gather_f16(block->d, sizeof *block, count);
    return (struct octet){d, _mm256_mul_ps(d, _mm256_set1_ps(-8))};
}

INLINE struct octet unpack_scales_q4_1(const void *row, size_t group, int count) {
    const struct block_q4_1 *block = (const struct block_q4_1 *)row + group;
    return (struct octet){gather_f16(block->d, sizeof *block, count), gather_f16(block->m, sizeof *block, count)};
}

INLINE struct octet unpack_scales_q5_0(const void *row, size_t group, int count) {
    const struct block_q5_0 *block = (const struct block_q5_0 *)row + group;
    const __m256 d = gather_f16(block->d, sizeof *block, count);
    return (struct octet){d, _mm256_mul_ps(d, _mm256_set1_ps(-16))};
}

INLINE struct octet unpack_scales_q5_1(const void *row, size_t group, int count) {
    const struct block_q5_1 *block = (const struct block_q5_1 *)row + group;
    return (struct octet){gather_f16(block->d, sizeof *block, count), gather_f16(block->m, sizeof *block, count)};
}

INLINE struct octet unpack_scales_iq4_nl(const void *row, size_t group, int count) {
    const struct block_iq4_nl *block = (const struct block_iq4_nl *)row + group;
    return (struct octet){gather_f16(block->d, sizeof *block, count), _mm256_setzero_ps()};
}

/* ------------------------------------------------------------------ blocks of 256, groups of 32 */

INLINE __m256 broadcast_f16(const uint8_t *half) { return _mm256_set1_ps(_cvtsh_ss(load_u16(half))); }

/* Half `upper` (0 or 1) of 32 bytes of nibbles. */
INLINE __m256i half_nibbles(const uint8_t qs[32], size_t upper) {
    __m256i bytes = _mm256_loadu_si256((const __m256i *)qs);
    if (upper) bytes = _mm256_srli_epi16(bytes, 4);
    return _mm256_and_si256(bytes, _mm256_set1_epi8(15));
}

INLINE __m256i unpack_q_q4_k(const void *row, size_t group) {
    const struct block_q4_k *block = (const struct block_q4_k *)row + group / 8;
    return half_nibbles(block->qs + group % 8 / 2 * 32, group % 2);
}

INLINE __m256i unpack_q_q5_k(const void *row, size_t group) {
    const struct block_q5_k *block = (const struct block_q5_k *)row + group / 8;
    const __m256i bit = _mm256_set1_epi8((char)(1 << group % 8));
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)block->qh);
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
    return _mm256_or_si256(half_nibbles(block->qs + group % 8 / 2 * 32, group % 2),
                           _mm256_and_si256(set, _mm256_set1_epi8(16)));
}

INLINE struct octet scale_octet(const uint8_t d[2], const uint8_t dmin[2], const uint8_t packed[12]) {
    /* load_scales_k on whole words of four */
    const uint32_t w0 = load_u32(packed), w1 = load_u32(packed + 4), w2 = load_u32(packed + 8);
    const uint32_t scales_high = (w2 & 0x0f0f0f0f) | (w0 >> 2 & 0x30303030);
    const uint32_t minima_high = (w2 >> 4 & 0x0f0f0f0f) | (w1 >> 2 & 0x30303030);
    const __m128i all =
        _mm_setr_epi32((int)(w0 & 0x3f3f3f3f), (int)scales_high, (int)(w1 & 0x3f3f3f3f), (int)minima_high);
    const __m256 scales = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(all));
    const __m256 minima = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(all, 8)));
    const __m256 minus = _mm256_set1_ps(-0.0f);
    return (struct octet){_mm256_mul_ps(broadcast_f16(d), scales),
                          _mm256_mul_ps(_mm256_xor_ps(minus, broadcast_f16(dmin)), minima)};
}

INLINE struct octet unpack_scales_q4_k(const void *row, size_t group, int count) {
    const struct block_q4_k *block = (const struct block_q4_k *)row + group / 8;
    (void)count; /* always 8: rows are whole blocks */
    return scale_octet(block->d, block->dmin, block->scales);
}

INLINE struct octet unpack_scales_q5_k(const void *row, size_t group, int count) {
    const struct block_q5_k *block = (const struct block_q5_k *)row + group / 8;
    (void)count;
    return scale_octet(block->d, block->dmin, block->scales);
}

/* ------------------------------------------------------------------ blocks of 256, groups of 16 */

/* value = d * scale * q + m * minimum, scales and minima 16 integers of 16 bits each: -128..127 and 0..15 at most */
struct sixteen {
    __m256i scale, minimum;
    float d, m;
};

/* Of the block that begins with group `group`. */
typedef struct sixteen unpack_sixteen(const void *row, size_t group);

/* Bits 2 j and 2 j + 1 of each byte, as bits `to` and `to` + 1. */
INLINE __m256i two_bits(const uint8_t bytes[32], const int j, const int to) {
    __m256i bits = _mm256_loadu_si256((const __m256i *)bytes);
    bits = 2 * j > to ? _mm256_srli_epi16(bits, 2 * j - to) : _mm256_slli_epi16(bits, to - 2 * j);
    return _mm256_and_si256(bits, _mm256_set1_epi8((char)(3 << to)));
}

INLINE __m256i unpack_q_q2_k(const void *row, size_t group) {
    const struct block_q2_k *block = (const struct block_q2_k *)row + group / 8;
    return two_bits(block->qs + group % 8 / 4 * 32, (int)(group % 4), 0);
}

INLINE struct sixteen unpack_sixteen_q2_k(const void *row, size_t group) {
    const struct block_q2_k *block = (const struct block_q2_k *)row + group / 8;
    const __m256i scales = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)block->scales));
    return (struct sixteen){_mm256_and_si256(scales, _mm256_set1_epi16(15)), _mm256_srli_epi16(scales, 4),
                            _cvtsh_ss(load_u16(block->d)), -_cvtsh_ss(load_u16(block->dmin))};
}

/* + 4 */
INLINE __m256i unpack_q_q3_k(const void *row, size_t group) {
    const struct block_q3_k *block = (const struct block_q3_k *)row + group / 8;
    const __m256i bit = _mm256_set1_epi8((char)(1 << group % 8));
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)block->hmask);
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
    return _mm256_or_si256(two_bits(block->qs + group % 8 / 4 * 32, (int)(group % 4), 0),
                           _mm256_and_si256(set, _mm256_set1_epi8(4)));
}

/* With values of scale * (q - zero). */
INLINE struct sixteen sixteen_with_zero(__m128i scales, float d, int zero) {
    const __m256i words = _mm256_cvtepi8_epi16(scales);
    return (struct sixteen){words, words, d, (float)-zero * d};
}

INLINE struct sixteen unpack_sixteen_q3_k(const void *row, size_t group) {
    const struct block_q3_k *block = (const struct block_q3_k *)row + group / 8;
    /* load_scales_q3_k on whole words of four */
    const uint32_t w0 = load_u32(block->scales), w1 = load_u32(block->scales + 4), high = load_u32(block->scales + 8);
    const uint32_t t0 = (w0 & 0x0f0f0f0f) | (high << 4 & 0x30303030);
    const uint32_t t4 = (w1 & 0x0f0f0f0f) | (high << 2 & 0x30303030);
    const uint32_t t8 = (w0 >> 4 & 0x0f0f0f0f) | (high & 0x30303030);
    const uint32_t t12 = (w1 >> 4 & 0x0f0f0f0f) | (high >> 2 & 0x30303030);
    const __m128i scales = _mm_setr_epi32((int)t0, (int)t4, (int)t8, (int)t12);
    return sixteen_with_zero(_mm_sub_epi8(scales, _mm_set1_epi8(32)), _cvtsh_ss(load_u16(block->d)), 4);
}

/* + 32 */
INLINE __m256i unpack_q_q6_k(const void *row, size_t group) {
    const struct block_q6_k *block = (const struct block_q6_k *)row + group / 8;
    const size_t half = group % 8 / 4, j = group % 4;
    const __m256i low = half_nibbles(block->ql + 64 * half + 32 * (j % 2), j / 2);
    return _mm256_or_si256(low, two_bits(block->qh + 32 * half, (int)j, 4));
}

INLINE struct sixteen unpack_sixteen_q6_k(const void *row, size_t group) {
    const struct block_q6_k *block = (const struct block_q6_k *)row + group / 8;
    return sixteen_with_zero(_mm_loadu_si128((const __m128i *)block->scales), _cvtsh_ss(load_u16(block->d)), 32);
}

/* ------------------------------------------------------------------ floats */

typedef __m256 load_8(const char *p);

INLINE __m256 load_8_f32(const char *p) { return _mm256_loadu_ps((const float *)p); }

INLINE __m256 load_8_f16(const char *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }

INLINE __m256 load_8_bf16(const char *p) {
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}

/* Fewer than 8 elements, then zeros. */
INLINE __m256 load_some(const char *p, size_t count, size_t element_bytes, load_8 load) {
    char some[8 * sizeof(float)] = {0};
    memcpy(some, p, count * element_bytes);
    return load(some);
}

#endif
