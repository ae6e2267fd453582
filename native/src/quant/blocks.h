/*
 * The types of weights: how they lie in memory, and how to get floats out of them and into them.
 *
 * Every struct below is made of bytes only, so that a block may lie at any address; numbers of two bytes are
 * little-endian float16 (see load_f16). A value is called e, its place in the block; docs/formats.md has the
 * layouts as formulas.
 */
#ifndef RWKV_BLOCKS_H
#define RWKV_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../cpu/kernels.h"

struct weight_format {
    uint32_t type; /* number in GGUF, an enum rwkv_type */
    const char *name;
    uint32_t block_elements;
    uint32_t block_bytes;
};

/* Indexed by enum weight_type. */
extern const struct weight_format weight_formats[WEIGHT_TYPE_COUNT];

/* Looks up a GGUF number. False if it is none of ours. */
bool weight_type_of(uint32_t type, enum weight_type *weight_type);

/* Bytes of n elements, a multiple of the type's block. */
static inline size_t weight_row_bytes(enum weight_type type, size_t n) {
    return n / weight_formats[type].block_elements * weight_formats[type].block_bytes;
}

/* y[0..n) = the values of a row x; n is a multiple of the type's block. x may lie at any address. */
void decode_row(enum weight_type type, float *y, const void *x, size_t n);

/* The reverse: the float types to the nearest, the blocks of 32 except IQ4_NL as ggml encodes them, the others with a
 * search. Block types need values that are finite and at most 65504 in magnitude. y may lie at any address. */
void encode_row(enum weight_type type, void *y, const float *x, size_t n);

/* The same with a search in all block types, see encode_kernel. */
void encode_row_search(enum weight_type type, void *y, const float *x, const float *importance, size_t n);

/* ------------------------------------------------------------------ blocks of 32
 * nibbles: element e < 16 in the lower half of qs[e], e >= 16 in the upper half of qs[e - 16];
 * qh: bit e is the fifth bit of element e. */

struct block_q8_0 { /* d * q */
    uint8_t d[2];
    int8_t qs[32];
};

struct block_q4_0 { /* d * (q - 8) */
    uint8_t d[2];
    uint8_t qs[16];
};

struct block_q4_1 { /* d * q + m */
    uint8_t d[2], m[2];
    uint8_t qs[16];
};

struct block_q5_0 { /* d * (q - 16) */
    uint8_t d[2];
    uint8_t qh[4];
    uint8_t qs[16];
};

struct block_q5_1 { /* d * q + m */
    uint8_t d[2], m[2];
    uint8_t qh[4];
    uint8_t qs[16];
};

struct block_iq4_nl { /* d * iq4_nl_values[q] */
    uint8_t d[2];
    uint8_t qs[16];
};

extern const int8_t iq4_nl_values[16];

/* ------------------------------------------------------------------ blocks of 256 */

/* Sixteen groups t of 16 elements: d * (scales[t] & 15) * q - dmin * (scales[t] >> 4). Element 128 n + 32 j + l is at
 * bit 2 j of qs[32 n + l]. */
struct block_q2_k {
    uint8_t scales[16];
    uint8_t qs[64];
    uint8_t d[2], dmin[2];
};

/* Sixteen groups t of 16 elements: d * scale[t] * (q - 4), scale signed. Element 128 n + 32 j + l has its lower two
 * bits at bit 2 j of qs[32 n + l], its third at bit 4 n + j of hmask[l]. */
struct block_q3_k {
    uint8_t hmask[32];
    uint8_t qs[64];
    uint8_t scales[12]; /* see load_scales_q3_k */
    uint8_t d[2];
};

/* Eight groups s of 32 elements: d * scale[s] * q - dmin * min[s]. Groups 2g and 2g + 1 are the lower and upper halves
 * of qs[32 g .. 32 g + 32); bit s of qh[l] is the fifth bit of element l of group s. */
struct block_q4_k {
    uint8_t d[2], dmin[2];
    uint8_t scales[12]; /* see load_scales_k */
    uint8_t qs[128];
};

struct block_q5_k {
    uint8_t d[2], dmin[2];
    uint8_t scales[12];
    uint8_t qh[32];
    uint8_t qs[128];
};

/* Sixteen groups t of 16 elements: d * scales[t] * (q - 32). Element 128 n + 32 j + l has its lower four bits in the
 * lower (j < 2) or upper half of ql[64 n + 32 (j & 1) + l], its upper two at bit 2 j of qh[32 n + l]. */
struct block_q6_k {
    uint8_t ql[128];
    uint8_t qh[64];
    int8_t scales[16];
    uint8_t d[2];
};

#define BLOCK_K 256

/* The eight 6-bit scales and minima of Q4_K and Q5_K. The first four of each have a byte each, in whose free upper bits
 * lie the upper two bits of the last four; the lower four bits of those share the last four bytes. */
static inline void load_scales_k(const uint8_t packed[12], uint8_t scales[8], uint8_t minima[8]) {
    for (int s = 0; s < 4; s++) {
        scales[s] = packed[s] & 63;
        minima[s] = packed[s + 4] & 63;
        scales[s + 4] = (uint8_t)((packed[s + 8] & 15) | (packed[s] >> 6) << 4);
        minima[s + 4] = (uint8_t)((packed[s + 8] >> 4) | (packed[s + 4] >> 6) << 4);
    }
}

static inline void store_scales_k(uint8_t packed[12], const uint8_t scales[8], const uint8_t minima[8]) {
    for (int s = 0; s < 4; s++) {
        packed[s] = (uint8_t)(scales[s] | (scales[s + 4] >> 4) << 6);
        packed[s + 4] = (uint8_t)(minima[s] | (minima[s + 4] >> 4) << 6);
        packed[s + 8] = (uint8_t)((scales[s + 4] & 15) | (minima[s + 4] & 15) << 4);
    }
}

/* The sixteen 6-bit scales of Q3_K, stored with 32 added: the lower four bits of t and t + 8 share a byte of the first
 * eight, the upper two of t, t + 4, t + 8 and t + 12 one of the last four. */
static inline void load_scales_q3_k(const uint8_t packed[12], int8_t scales[16]) {
    for (int t = 0; t < 16; t++) {
        const int low = packed[t % 8] >> 4 * (t / 8) & 15, high = packed[8 + t % 4] >> 2 * (t / 4) & 3;
        scales[t] = (int8_t)((low | high << 4) - 32);
    }
}

static inline void store_scales_q3_k(uint8_t packed[12], const int8_t scales[16]) {
    memset(packed, 0, 12);
    for (int t = 0; t < 16; t++) {
        const int scale = scales[t] + 32;
        packed[t % 8] |= (uint8_t)((scale & 15) << 4 * (t / 8));
        packed[8 + t % 4] |= (uint8_t)(scale >> 4 << 2 * (t / 4));
    }
}

/* ------------------------------------------------------------------ 16-bit floats
 * Without branches, so that a compiler can vectorise loops over them. */

static inline uint32_t float_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float float_from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline float f16_to_f32(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t exponent = h & 0x7c00;
    const uint32_t bits = (uint32_t)(h & 0x7fff) << 13;
    /* infinity and NaN, normal numbers, multiples of 2^-24 */
    const uint32_t rebiased = bits + (exponent == 0x7c00 ? (uint32_t)224 << 23 : (uint32_t)112 << 23);
    const uint32_t subnormal = float_bits((float)(int)(h & 0x3ff) * 0x1p-24f);
    return float_from_bits(sign | (exponent == 0 ? subnormal : rebiased));
}

/* To the nearest, ties to even; a NaN stays one, quiet, with the upper bits of its payload. */
static inline uint16_t f32_to_f16(float f) {
    const uint32_t sign = float_bits(f) >> 16 & 0x8000;
    const uint32_t bits = float_bits(f) & 0x7fffffff;
    const uint32_t not_a_number = 0x7e00 | (bits >> 13 & 0x3ff);
    const uint32_t normal = (bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13;
    /* below 2^-14: adding 1/2, whose last place is 2^-24, rounds to a multiple of that */
    const uint32_t subnormal = float_bits(float_from_bits(bits) + 0.5f) - 0x3f000000;
    const uint32_t finite = bits < 0x38800000 ? subnormal : normal;
    /* from 65520 on the nearest is infinity */
    const uint32_t number = bits < 0x477ff000 ? finite : 0x7c00;
    return (uint16_t)(sign | (bits > 0x7f800000 ? not_a_number : number));
}

static inline float bf16_to_f32(uint16_t h) { return float_from_bits((uint32_t)h << 16); }

/* To the nearest, ties to even; a NaN stays one. */
static inline uint16_t f32_to_bf16(float f) {
    const uint32_t bits = float_bits(f);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline uint16_t load_u16(const void *p) {
    const uint8_t *bytes = p;
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline void store_u16(void *p, uint16_t value) {
    uint8_t *bytes = p;
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline uint32_t load_u32(const void *p) {
    return load_u16(p) | (uint32_t)load_u16((const uint8_t *)p + 2) << 16;
}

static inline float load_f16(const void *p) { return f16_to_f32(load_u16(p)); }

#endif
