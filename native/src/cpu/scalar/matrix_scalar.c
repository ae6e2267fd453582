/*
 * The matrix kernels as formulas: the definition that every other tier is tested against.
 *
 * Half a group, 16 weights of any block format, is value_e = scale q_e + minimum with small integers q, so that with
 * activations x_e = d x'_e (a q8 row, kernels.h)
 *
 *     sum over the half of value_e x_e = d (scale sum(q_e x'_e) + minimum sum(x'_e))
 *
 * with sums of integers. Sums over the groups are kept in double and
 * rounded once. No panels: the scalar tier multiplies token by token.
 */
#include "../../quant/blocks.h"

#define X(NAME, name) matvec_kernel scalar_matvec_##name;
RWKV_WEIGHT_TYPES(X)
#undef X

/* ------------------------------------------------------------------ block formats */

struct group {
    int8_t q[Q8_GROUP];
    float scale[2], minimum[2]; /* of the elements 0..15 and 16..31; they differ in Q2_K, Q3_K and Q6_K only */
};

static void unpack_nibbles(int8_t q[Q8_GROUP], const uint8_t qs[16]) {
    for (int e = 0; e < 16; e++) {
        q[e] = qs[e] & 15;
        q[e + 16] = qs[e] >> 4;
    }
}

static void unpack_fifth_bits(int8_t q[Q8_GROUP], const uint8_t qh[4]) {
    for (int e = 0; e < Q8_GROUP; e++) q[e] = (int8_t)(q[e] | (qh[e / 8] >> e % 8 & 1) << 4);
}

static struct group unpack_q8_0(const void *row, size_t g) {
    const struct block_q8_0 *block = (const struct block_q8_0 *)row + g;
    const float d = load_f16(block->d);
    struct group group = {.scale = {d, d}};
    memcpy(group.q, block->qs, sizeof group.q);
    return group;
}

static struct group unpack_q4_0(const void *row, size_t g) {
    const struct block_q4_0 *block = (const struct block_q4_0 *)row + g;
    const float d = load_f16(block->d);
    struct group group = {.scale = {d, d}, .minimum = {-8 * d, -8 * d}};
    unpack_nibbles(group.q, block->qs);
    return group;
}

static struct group unpack_q4_1(const void *row, size_t g) {
    const struct block_q4_1 *block = (const struct block_q4_1 *)row + g;
    const float d = load_f16(block->d), m = load_f16(block->m);
    struct group group = {.scale = {d, d}, .minimum = {m, m}};
    unpack_nibbles(group.q, block->qs);
    return group;
}

static struct group unpack_q5_0(const void *row, size_t g) {
    const struct block_q5_0 *block = (const struct block_q5_0 *)row + g;
    const float d = load_f16(block->d);
    struct group group = {.scale = {d, d}, .minimum = {-16 * d, -16 * d}};
    unpack_nibbles(group.q, block->qs);
    unpack_fifth_bits(group.q, block->qh);
    return group;
}

static struct group unpack_q5_1(const void *row, size_t g) {
    const struct block_q5_1 *block = (const struct block_q5_1 *)row + g;
    const float d = load_f16(block->d), m = load_f16(block->m);
    struct group group = {.scale = {d, d}, .minimum = {m, m}};
    unpack_nibbles(group.q, block->qs);
    unpack_fifth_bits(group.q, block->qh);
    return group;
}

static struct group unpack_iq4_nl(const void *row, size_t g) {
    const struct block_iq4_nl *block = (const struct block_iq4_nl *)row + g;
    const float d = load_f16(block->d);
    struct group group = {.scale = {d, d}};
    unpack_nibbles(group.q, block->qs);
    for (int e = 0; e < Q8_GROUP; e++) group.q[e] = iq4_nl_values[group.q[e]];
    return group;
}

static struct group unpack_q2_k(const void *row, size_t g) {
    const struct block_q2_k *block = (const struct block_q2_k *)row + g / 8;
    const size_t s = g % 8, half = s / 4, j = s % 4;
    const float d = load_f16(block->d), dmin = load_f16(block->dmin);
    const uint8_t *scales = block->scales + 2 * s;
    struct group group = {.scale = {d * (scales[0] & 15), d * (scales[1] & 15)},
                          .minimum = {-dmin * (scales[0] >> 4), -dmin * (scales[1] >> 4)}};
    for (int l = 0; l < Q8_GROUP; l++) group.q[l] = block->qs[32 * half + l] >> 2 * j & 3;
    return group;
}

static struct group unpack_q3_k(const void *row, size_t g) {
    const struct block_q3_k *block = (const struct block_q3_k *)row + g / 8;
    const size_t s = g % 8, half = s / 4, j = s % 4;
    const float d = load_f16(block->d);
    int8_t scales[16];
    load_scales_q3_k(block->scales, scales);
    struct group group = {.scale = {d * scales[2 * s], d * scales[2 * s + 1]}};
    for (int l = 0; l < Q8_GROUP; l++) {
        const int low = block->qs[32 * half + l] >> 2 * j & 3, high = block->hmask[l] >> s & 1;
        group.q[l] = (int8_t)((low | high << 2) - 4);
    }
    return group;
}

static struct group unpack_q4_k(const void *row, size_t g) {
    const struct block_q4_k *block = (const struct block_q4_k *)row + g / 8;
    const size_t s = g % 8;
    uint8_t scales[8], minima[8];
    load_scales_k(block->scales, scales, minima);
    const float scale = load_f16(block->d) * scales[s], minimum = -load_f16(block->dmin) * minima[s];
    struct group group = {.scale = {scale, scale}, .minimum = {minimum, minimum}};
    for (int l = 0; l < Q8_GROUP; l++) group.q[l] = block->qs[32 * (s / 2) + l] >> 4 * (s % 2) & 15;
    return group;
}

static struct group unpack_q5_k(const void *row, size_t g) {
    const struct block_q5_k *block = (const struct block_q5_k *)row + g / 8;
    const size_t s = g % 8;
    uint8_t scales[8], minima[8];
    load_scales_k(block->scales, scales, minima);
    const float scale = load_f16(block->d) * scales[s], minimum = -load_f16(block->dmin) * minima[s];
    struct group group = {.scale = {scale, scale}, .minimum = {minimum, minimum}};
    for (int l = 0; l < Q8_GROUP; l++) {
        const int low = block->qs[32 * (s / 2) + l] >> 4 * (s % 2) & 15;
        group.q[l] = (int8_t)(low | (block->qh[l] >> s & 1) << 4);
    }
    return group;
}

static struct group unpack_q6_k(const void *row, size_t g) {
    const struct block_q6_k *block = (const struct block_q6_k *)row + g / 8;
    const size_t s = g % 8, half = s / 4, j = s % 4;
    const float d = load_f16(block->d);
    struct group group = {.scale = {d * block->scales[2 * s], d * block->scales[2 * s + 1]}};
    for (int l = 0; l < Q8_GROUP; l++) {
        const int low = block->ql[64 * half + 32 * (j % 2) + l] >> 4 * (j / 2) & 15;
        const int high = block->qh[32 * half + l] >> 2 * j & 3;
        group.q[l] = (int8_t)((low | high << 4) - 32);
    }
    return group;
}

static double multiply_group(const struct group *group, const int8_t *x, float d, const int16_t halves[2]) {
    int dot[2] = {0, 0};
    for (int e = 0; e < Q8_GROUP; e++) dot[e / 16] += group->q[e] * x[e];
    double sum = 0;
    for (int h = 0; h < 2; h++) sum += (double)group->scale[h] * dot[h] + (double)group->minimum[h] * halves[h];
    return d * sum;
}

#define MATVEC_BLOCKS(name)                                                                                            \
    void scalar_matvec_##name(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n) { \
        const int8_t *q = x;                                                                                           \
        const float *scales = q8_row_scales(x, n);                                                                     \
        const int16_t *halves = q8_row_halves(x, n);                                                                   \
        for (size_t r = 0; r < rows; r++) {                                                                            \
            double sum = 0;                                                                                            \
            for (size_t g = 0; g < n / Q8_GROUP; g++) {                                                                \
                const struct group group = unpack_##name((const char *)weights + r * row_bytes, g);                    \
                sum += multiply_group(&group, q + g * Q8_GROUP, scales[g], halves + 2 * g);                            \
            }                                                                                                          \
            y[r] = (float)sum;                                                                                         \
        }                                                                                                              \
    }

MATVEC_BLOCKS(q8_0)
MATVEC_BLOCKS(q4_0)
MATVEC_BLOCKS(q4_1)
MATVEC_BLOCKS(q5_0)
MATVEC_BLOCKS(q5_1)
MATVEC_BLOCKS(iq4_nl)
MATVEC_BLOCKS(q2_k)
MATVEC_BLOCKS(q3_k)
MATVEC_BLOCKS(q4_k)
MATVEC_BLOCKS(q5_k)
MATVEC_BLOCKS(q6_k)

/* ------------------------------------------------------------------ floats */

static float load_f32(const void *p) { return float_from_bits(load_u32(p)); }
static float load_bf16(const void *p) { return bf16_to_f32(load_u16(p)); }

#define MATVEC_FLOATS(name, element_bytes)                                                                             \
    void scalar_matvec_##name(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n) { \
        const float *activations = x;                                                                                  \
        for (size_t r = 0; r < rows; r++) {                                                                            \
            const char *row = (const char *)weights + r * row_bytes;                                                   \
            double sum = 0;                                                                                            \
            for (size_t i = 0; i < n; i++) sum += (double)load_##name(row + i * element_bytes) * activations[i];       \
            y[r] = (float)sum;                                                                                         \
        }                                                                                                              \
    }

MATVEC_FLOATS(f32, 4)
MATVEC_FLOATS(f16, 2)
MATVEC_FLOATS(bf16, 2)
