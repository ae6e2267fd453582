/*
 * Block formats with a scale for each 32 weights, four groups of 32 at a time, into registers: the integers, unsigned,
 * and the scales of 8 groups. For AVX-512.
 *
 * A quarter of a register belongs to a group: its elements 0..15 are in `first`, 16..31 in `second`. So vpdpbusd can
 * add the products of one to those of the other, and four sums of each group are left to be converted and scaled, half
 * as many as if a group filled half a register. The 16 bytes of nibbles of four blocks come together by one permutation
 * of words, which is cheaper than inserting one after the other.
 */
#ifndef RWKV_QUADS_H
#define RWKV_QUADS_H

#include "lanes.h"

#include "../simd/unpack.h"

struct quad {
    __m512i first, second;
};

typedef struct quad unpack_quad(const void *row, size_t group); /* `group` is a multiple of 4 */

/* Which integers of a quad are 16 times as large as they should be: nibbles from upper halves that stay there. */
enum raised { NONE, ODD_GROUPS, ALL };

/* ------------------------------------------------------------------ four blocks */

/* Up to 128 bytes that blocks are taken from. What is not read is undefined. */
struct window {
    __m512i lower, upper;
};

/* Reads no more than `bytes`, 65 to 128, an even number. */
INLINE struct window load_window(const void *p, const size_t bytes) {
    const __m512i lower = _mm512_loadu_si512(p);
    const void *rest = (const char *)p + 64;
    /* short loads for short rests: they seldom cross a line of the cache, which takes twice as long */
    switch (bytes - 64) {
    case 8: return (struct window){lower, _mm512_broadcastq_epi64(_mm_loadl_epi64(rest))};
    case 16: return (struct window){lower, _mm512_broadcast_i32x4(_mm_loadu_si128(rest))};
    case 32: return (struct window){lower, _mm512_broadcast_i64x4(_mm256_loadu_si256(rest))};
    case 64: return (struct window){lower, _mm512_loadu_si512(rest)};
    default: return (struct window){lower, _mm512_maskz_loadu_epi16(((__mmask32)1 << (bytes - 64) / 2) - 1, rest)};
    }
}

/* The 16 bytes at `offset` of each of four blocks of `size` bytes. Both are even. */
INLINE __m512i sixteen_of_each(struct window blocks, const int size, const int offset) {
    const __m512i word = _mm512_broadcast_i32x4(_mm_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7));
    const int64_t step = 0x0001000100010001 * (size / 2);
    const __m512i block = _mm512_setr_epi64(0, 0, step, step, 2 * step, 2 * step, 3 * step, 3 * step);
    const __m512i index = _mm512_add_epi16(_mm512_add_epi16(word, block), _mm512_set1_epi16((short)(offset / 2)));
    return _mm512_permutex2var_epi16(blocks.lower, index, blocks.upper);
}

INLINE struct quad quad_nibbles(__m512i bytes) {
    const __m512i lower = _mm512_set1_epi8(15);
    return (struct quad){_mm512_and_si512(bytes, lower), _mm512_and_si512(_mm512_srli_epi16(bytes, 4), lower)};
}

/* All 16 times as large: one mask for both. */
INLINE struct quad raised_nibbles(__m512i bytes) {
    const __m512i upper = _mm512_set1_epi8((char)0xf0);
    return (struct quad){_mm512_and_si512(_mm512_slli_epi16(bytes, 4), upper), _mm512_and_si512(bytes, upper)};
}

/* 16 more where a bit is set. */
INLINE struct quad with_fifth_bits(struct quad quad, __mmask64 first, __mmask64 second) {
    return (struct quad){_mm512_or_si512(quad.first, _mm512_maskz_set1_epi8(first, 16)),
                         _mm512_or_si512(quad.second, _mm512_maskz_set1_epi8(second, 16))};
}

/* Of blocks with qh at `offset`, then qs. */
INLINE struct quad five_bits(struct window blocks, const int size, const int offset) {
    /* the first words of all qh, which are of elements 0..15, then the second ones */
    const int at = offset / 2, step = size / 2;
    const __m512i index = _mm512_castsi128_si512(
        _mm_setr_epi16((short)at, (short)(at + step), (short)(at + 2 * step), (short)(at + 3 * step), (short)(at + 1),
                       (short)(at + 1 + step), (short)(at + 1 + 2 * step), (short)(at + 1 + 3 * step)));
    const __m128i bits = _mm512_castsi512_si128(_mm512_permutex2var_epi16(blocks.lower, index, blocks.upper));
    return with_fifth_bits(quad_nibbles(sixteen_of_each(blocks, size, offset + 4)), (__mmask64)_mm_cvtsi128_si64(bits),
                           (__mmask64)_mm_extract_epi64(bits, 1));
}

INLINE struct quad unpack_quad_q8_0(const void *row, size_t group) {
    const struct block_q8_0 *block = (const struct block_q8_0 *)row + group;
    const __m512i sign = _mm512_set1_epi8((char)-128); /* + 128 */
    const __m512i first = sixteen_of_each(load_window(block, 128), 34, 2);
    const __m512i second = sixteen_of_each(load_window((const char *)block + 16, 120), 34, 2);
    return (struct quad){_mm512_xor_si512(first, sign), _mm512_xor_si512(second, sign)};
}

INLINE struct quad unpack_quad_q4_0(const void *row, size_t group) {
    return raised_nibbles(sixteen_of_each(load_window((const struct block_q4_0 *)row + group, 72), 18, 2));
}

INLINE struct quad unpack_quad_q4_1(const void *row, size_t group) {
    return raised_nibbles(sixteen_of_each(load_window((const struct block_q4_1 *)row + group, 80), 20, 4));
}

INLINE struct quad unpack_quad_q5_0(const void *row, size_t group) {
    return five_bits(load_window((const struct block_q5_0 *)row + group, 88), 22, 2);
}

INLINE struct quad unpack_quad_q5_1(const void *row, size_t group) {
    return five_bits(load_window((const struct block_q5_1 *)row + group, 96), 24, 4);
}

INLINE struct quad unpack_quad_iq4_nl(const void *row, size_t group) {
    const struct window blocks = load_window((const struct block_iq4_nl *)row + group, 72);
    const struct quad nibbles = quad_nibbles(sixteen_of_each(blocks, 18, 2));
    const __m512i values = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)iq4_nl_values));
    const __m512i unsigned_values = _mm512_xor_si512(values, _mm512_set1_epi8((char)-128)); /* + 128 */
    return (struct quad){_mm512_shuffle_epi8(unsigned_values, nibbles.first),
                         _mm512_shuffle_epi8(unsigned_values, nibbles.second)};
}

/* ------------------------------------------------------------------ half a block of 256 */

/* Of the bytes of groups 0 and 1, 2 and 3, in whose lower and upper halves they are. */
INLINE struct quad bytes_of_quad(const uint8_t bytes[64]) {
    const __m512i all = _mm512_loadu_si512(bytes);
    return (struct quad){_mm512_shuffle_i64x2(all, all, 0xa0), _mm512_shuffle_i64x2(all, all, 0xf5)};
}

INLINE struct quad unpack_quad_q4_k(const void *row, size_t group) {
    const struct block_q4_k *block = (const struct block_q4_k *)row + group / 8;
    const struct quad bytes = bytes_of_quad(block->qs + group % 8 / 4 * 64);
    const int64_t low = 0x0f0f0f0f0f0f0f0f, high = ~low;
    const __m512i mask = _mm512_setr_epi64(low, low, high, high, low, low, high, high);
    return (struct quad){_mm512_and_si512(bytes.first, mask), _mm512_and_si512(bytes.second, mask)};
}

INLINE struct quad unpack_quad_q5_k(const void *row, size_t group) {
    const struct block_q5_k *block = (const struct block_q5_k *)row + group / 8;
    const struct quad bytes = bytes_of_quad(block->qs + group % 8 / 4 * 64);
    const int64_t four = 0x0004000400040004;
    const __m512i shifts = _mm512_setr_epi64(0, 0, four, four, 0, 0, four, four), lower = _mm512_set1_epi8(15);
    const struct quad nibbles = {_mm512_and_si512(_mm512_srlv_epi16(bytes.first, shifts), lower),
                                 _mm512_and_si512(_mm512_srlv_epi16(bytes.second, shifts), lower)};
    const uint64_t bit = (uint64_t)0x0101010101010101 << group % 8;
    const __m512i bits =
        _mm512_setr_epi64((int64_t)bit, (int64_t)bit, (int64_t)(2 * bit), (int64_t)(2 * bit), (int64_t)(4 * bit),
                          (int64_t)(4 * bit), (int64_t)(8 * bit), (int64_t)(8 * bit));
    const __m512i first = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)block->qh));
    const __m512i second = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(block->qh + 16)));
    return with_fifth_bits(nibbles, _mm512_test_epi8_mask(first, bits), _mm512_test_epi8_mask(second, bits));
}

/* ------------------------------------------------------------------ scales */

/* The float16 at `offset` of each of 8 blocks of `size` bytes, at most 20, by one permutation of what is loaded for the
 * integers anyway: to gather them one by one would cost as much as the products that they are for. */
INLINE __m256 eight_halves(const void *blocks, const int size, const int offset) {
    const int at = offset / 2, step = size / 2;
    const __m512i index = _mm512_castsi128_si512(
        _mm_setr_epi16((short)at, (short)(at + step), (short)(at + 2 * step), (short)(at + 3 * step), (short)(at + 32),
                       (short)(at + 32 + step), (short)(at + 32 + 2 * step), (short)(at + 32 + 3 * step)));
    const __m512i four = _mm512_loadu_si512(blocks), next = _mm512_loadu_si512((const char *)blocks + 4 * size);
    return _mm256_cvtph_ps(_mm512_castsi512_si128(_mm512_permutex2var_epi16(four, index, next)));
}

INLINE struct octet permuted_scales_q4_0(const void *row, size_t group, int count) {
    if (count < 8) return unpack_scales_q4_0(row, group, count);
    return (struct octet){.scale = eight_halves((const struct block_q4_0 *)row + group, 18, 0)};
}

INLINE struct octet permuted_scales_q4_1(const void *row, size_t group, int count) {
    if (count < 8) return unpack_scales_q4_1(row, group, count);
    const struct block_q4_1 *blocks = (const struct block_q4_1 *)row + group;
    return (struct octet){eight_halves(blocks, 20, 0), eight_halves(blocks, 20, 2)};
}

INLINE struct octet permuted_scales_iq4_nl(const void *row, size_t group, int count) {
    if (count < 8) return unpack_scales_iq4_nl(row, group, count);
    return (struct octet){.scale = eight_halves((const struct block_iq4_nl *)row + group, 18, 0)};
}

#endif
