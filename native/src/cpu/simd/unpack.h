/*
 * Block formats, one group of 32 weights at a time, into registers: the integers as 32 bytes in the order of their
 * elements (Q8_0 and IQ4_NL signed), scales and minima of 8 groups at once ("octet": a whole block of 256). Types with
 * a scale for each 16 weights have those of a block as integers ("sixteen").
 *
 * value = scale * q + minimum
 *
 * A tier includes its lanes.h, whose words this is written in, before this file.
 */
#ifndef RWKV_UNPACK_H
#define RWKV_UNPACK_H

#include "../../quant/blocks.h"
#include "inline.h"

struct octet {
    floats_8 scale, minimum;
};

typedef bytes_32 unpack_q(const void *row, size_t group);

/* Of `count` groups from `group` on, 1 <= count <= 8, the rest are 0. `group` is a multiple of 8. */
typedef struct octet unpack_scales(const void *row, size_t group, int count);

/* ------------------------------------------------------------------ blocks of 32 */

/* `count` float16 numbers that lie `stride` bytes apart. */
INLINE floats_8 gather_f16(const uint8_t *first, size_t stride, int count) {
    if (count == 8) return gather_halves(first, stride);
    uint16_t some[8] = {0};
    for (int i = 0; i < count; i++) some[i] = load_u16(first + (size_t)i * stride);
    return load_8_f16(some);
}

/* 16 in each byte whose bit is set. */
INLINE bytes_32 fifth_bits(const uint8_t qh[4]) {
    static const uint8_t byte_of_element[32] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
                                                2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3};
    static const uint8_t bit_of_element[32] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128,
                                               1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const bytes_32 bytes = look_up(all_fours(load_u32(qh)), load_32_bytes(byte_of_element));
    return where_set(bytes, load_32_bytes(bit_of_element), 16);
}

INLINE bytes_32 unpack_q_q8_0(const void *row, size_t group) {
    const struct block_q8_0 *block = (const struct block_q8_0 *)row + group;
    return load_32_bytes(block->qs);
}

INLINE bytes_32 unpack_q_q4_0(const void *row, size_t group) {
    const struct block_q4_0 *block = (const struct block_q4_0 *)row + group;
    return nibbles(load_16_bytes(block->qs));
}

INLINE bytes_32 unpack_q_q4_1(const void *row, size_t group) {
    const struct block_q4_1 *block = (const struct block_q4_1 *)row + group;
    return nibbles(load_16_bytes(block->qs));
}

INLINE bytes_32 unpack_q_q5_0(const void *row, size_t group) {
    const struct block_q5_0 *block = (const struct block_q5_0 *)row + group;
    return or_bytes(nibbles(load_16_bytes(block->qs)), fifth_bits(block->qh));
}

INLINE bytes_32 unpack_q_q5_1(const void *row, size_t group) {
    const struct block_q5_1 *block = (const struct block_q5_1 *)row + group;
    return or_bytes(nibbles(load_16_bytes(block->qs)), fifth_bits(block->qh));
}

INLINE bytes_32 unpack_q_iq4_nl(const void *row, size_t group) {
    const struct block_iq4_nl *block = (const struct block_iq4_nl *)row + group;
    const bytes_16 values = load_16_bytes(iq4_nl_values);
    return look_up(join(values, values), nibbles(load_16_bytes(block->qs)));
}

INLINE struct octet unpack_scales_q8_0(const void *row, size_t group, int count) {
    const struct block_q8_0 *block = (const struct block_q8_0 *)row + group;
    return (struct octet){gather_f16(block->d, sizeof *block, count), no_floats()};
}

INLINE struct octet unpack_scales_q4_0(const void *row, size_t group, int count) {
    const struct block_q4_0 *block = (const struct block_q4_0 *)row + group;
    const floats_8 d = gather_f16(block->d, sizeof *block, count);
    return (struct octet){d, multiply_floats(d, all_floats(-8))};
}

INLINE struct octet unpack_scales_q4_1(const void *row, size_t group, int count) {
    const struct block_q4_1 *block = (const struct block_q4_1 *)row + group;
    return (struct octet){gather_f16(block->d, sizeof *block, count), gather_f16(block->m, sizeof *block, count)};
}

INLINE struct octet unpack_scales_q5_0(const void *row, size_t group, int count) {
    const struct block_q5_0 *block = (const struct block_q5_0 *)row + group;
    const floats_8 d = gather_f16(block->d, sizeof *block, count);
    return (struct octet){d, multiply_floats(d, all_floats(-16))};
}

INLINE struct octet unpack_scales_q5_1(const void *row, size_t group, int count) {
    const struct block_q5_1 *block = (const struct block_q5_1 *)row + group;
    return (struct octet){gather_f16(block->d, sizeof *block, count), gather_f16(block->m, sizeof *block, count)};
}

INLINE struct octet unpack_scales_iq4_nl(const void *row, size_t group, int count) {
    const struct block_iq4_nl *block = (const struct block_iq4_nl *)row + group;
    return (struct octet){gather_f16(block->d, sizeof *block, count), no_floats()};
}

/* ------------------------------------------------------------------ blocks of 256, groups of 32 */

/* Half `upper` (0 or 1) of 32 bytes of nibbles. */
INLINE bytes_32 half_nibbles(const uint8_t qs[32], size_t upper) {
    const bytes_32 bytes = load_32_bytes(qs);
    return upper ? upper_nibbles(bytes) : lower_nibbles(bytes);
}

INLINE bytes_32 unpack_q_q4_k(const void *row, size_t group) {
    const struct block_q4_k *block = (const struct block_q4_k *)row + group / 8;
    return half_nibbles(block->qs + group % 8 / 2 * 32, group % 2);
}

INLINE bytes_32 unpack_q_q5_k(const void *row, size_t group) {
    const struct block_q5_k *block = (const struct block_q5_k *)row + group / 8;
    return or_bytes(half_nibbles(block->qs + group % 8 / 2 * 32, group % 2),
                    where_set(load_32_bytes(block->qh), all_bytes(1 << group % 8), 16));
}

INLINE struct octet scale_octet(const uint8_t d[2], const uint8_t dmin[2], const uint8_t packed[12]) {
    /* load_scales_k on whole words of four */
    const uint32_t w0 = load_u32(packed), w1 = load_u32(packed + 4), w2 = load_u32(packed + 8);
    const uint32_t scales_high = (w2 & 0x0f0f0f0f) | (w0 >> 2 & 0x30303030);
    const uint32_t minima_high = (w2 >> 4 & 0x0f0f0f0f) | (w1 >> 2 & 0x30303030);
    const floats_8 scales = floats_of_bytes((w0 & 0x3f3f3f3f) | (uint64_t)scales_high << 32);
    const floats_8 minima = floats_of_bytes((w1 & 0x3f3f3f3f) | (uint64_t)minima_high << 32);
    return (struct octet){multiply_floats(all_floats(load_half(d)), scales),
                          multiply_floats(all_floats(-load_half(dmin)), minima)};
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
    words_16 scale, minimum;
    float d, m;
};

/* Of the block that begins with group `group`. */
typedef struct sixteen unpack_sixteen(const void *row, size_t group);

/* Bits 2 j and 2 j + 1 of each byte, as bits `to` and `to` + 1. */
INLINE bytes_32 two_bits(const uint8_t bytes[32], const int j, const int to) {
    const bytes_32 all = load_32_bytes(bytes);
    const bytes_32 shifted = 2 * j > to ? shift_right(all, 2 * j - to) : shift_left(all, to - 2 * j);
    return and_bytes(shifted, all_bytes(3 << to));
}

INLINE bytes_32 unpack_q_q2_k(const void *row, size_t group) {
    const struct block_q2_k *block = (const struct block_q2_k *)row + group / 8;
    return two_bits(block->qs + group % 8 / 4 * 32, (int)(group % 4), 0);
}

INLINE struct sixteen unpack_sixteen_q2_k(const void *row, size_t group) {
    const struct block_q2_k *block = (const struct block_q2_k *)row + group / 8;
    const words_16 both = words_of_u8(load_16_bytes(block->scales));
    return (struct sixteen){lower_nibbles_of_words(both), upper_nibbles_of_words(both), load_half(block->d),
                            -load_half(block->dmin)};
}

/* + 4 */
INLINE bytes_32 unpack_q_q3_k(const void *row, size_t group) {
    const struct block_q3_k *block = (const struct block_q3_k *)row + group / 8;
    return or_bytes(two_bits(block->qs + group % 8 / 4 * 32, (int)(group % 4), 0),
                    where_set(load_32_bytes(block->hmask), all_bytes(1 << group % 8), 4));
}

/* With values of scale * (q - zero). */
INLINE struct sixteen sixteen_with_zero(words_16 scale, float d, int zero) {
    return (struct sixteen){scale, scale, d, (float)-zero * d};
}

INLINE struct sixteen unpack_sixteen_q3_k(const void *row, size_t group) {
    const struct block_q3_k *block = (const struct block_q3_k *)row + group / 8;
    /* load_scales_q3_k on whole words of four */
    const uint32_t w0 = load_u32(block->scales), w1 = load_u32(block->scales + 4), high = load_u32(block->scales + 8);
    const uint32_t t0 = (w0 & 0x0f0f0f0f) | (high << 4 & 0x30303030);
    const uint32_t t4 = (w1 & 0x0f0f0f0f) | (high << 2 & 0x30303030);
    const uint32_t t8 = (w0 >> 4 & 0x0f0f0f0f) | (high & 0x30303030);
    const uint32_t t12 = (w1 >> 4 & 0x0f0f0f0f) | (high >> 2 & 0x30303030);
    const words_16 scale = add_words(words_of_u8(bytes_of_words(t0, t4, t8, t12)), -32);
    return sixteen_with_zero(scale, load_half(block->d), 4);
}

/* + 32 */
INLINE bytes_32 unpack_q_q6_k(const void *row, size_t group) {
    const struct block_q6_k *block = (const struct block_q6_k *)row + group / 8;
    const size_t half = group % 8 / 4, j = group % 4;
    const bytes_32 low = half_nibbles(block->ql + 64 * half + 32 * (j % 2), j / 2);
    return or_bytes(low, two_bits(block->qh + 32 * half, (int)j, 4));
}

INLINE struct sixteen unpack_sixteen_q6_k(const void *row, size_t group) {
    const struct block_q6_k *block = (const struct block_q6_k *)row + group / 8;
    return sixteen_with_zero(words_of_s8(load_16_bytes(block->scales)), load_half(block->d), 32);
}

/* ------------------------------------------------------------------ floats */

typedef floats_8 load_8(const void *p);

/* Fewer than 8 elements, then zeros. */
INLINE floats_8 load_some(const char *p, size_t count, size_t element_bytes, load_8 load) {
    char some[8 * sizeof(float)] = {0};
    memcpy(some, p, count * element_bytes);
    return load(some);
}

#endif
