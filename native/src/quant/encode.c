/*
 * From floats to every weight type.
 *
 * The blocks of 32 are encoded as ggml does it, bit for bit (docs/formats.md, section c): one pass, the scale follows
 * from the extreme values. The blocks of 256 leave the choice of scales to the encoder; ours minimises the squared
 * error, in three steps that are explained where they stand.
 *
 * The compiler must not contract a * b + c in this file: the results would differ in their last bit.
 */
#include <float.h>
#include <math.h>

#include "blocks.h"

/* ------------------------------------------------------------------ floats */

static void encode_f32(void *y, const float *x, size_t n) { memcpy(y, x, n * sizeof *x); }

static void encode_f16(void *y, const float *x, size_t n) {
    uint8_t *halves = y;
    for (size_t i = 0; i < n; i++) store_u16(halves + 2 * i, f32_to_f16(x[i]));
}

static void encode_bf16(void *y, const float *x, size_t n) {
    uint8_t *halves = y;
    for (size_t i = 0; i < n; i++) store_u16(halves + 2 * i, f32_to_bf16(x[i]));
}

/* ------------------------------------------------------------------ blocks of 32 */

/* 1 / d, and 0 where that is no finite number: such a d becomes 0 as a float16 in any case. */
static float inverse(float d) {
    const float id = 1 / d;
    return fabsf(id) <= FLT_MAX ? id : 0;
}

/* The value of largest magnitude, the first of several. */
static float extreme_of(const float *x, size_t n) {
    float extreme = 0, magnitude = 0;
    for (size_t i = 0; i < n; i++) {
        if (fabsf(x[i]) > magnitude) {
            magnitude = fabsf(x[i]);
            extreme = x[i];
        }
    }
    return extreme;
}

static void range_of(const float *x, size_t n, float *minimum, float *maximum) {
    *minimum = *maximum = x[0];
    for (size_t i = 1; i < n; i++) {
        *minimum = x[i] < *minimum ? x[i] : *minimum;
        *maximum = x[i] > *maximum ? x[i] : *maximum;
    }
}

static uint8_t at_most(int q, int limit) { return (uint8_t)(q < limit ? q : limit); }

static void encode_q8_0(void *y, const float *x, size_t n) {
    struct block_q8_0 *block = y;
    for (; n > 0; n -= 32, x += 32, block++) {
        const float d = fabsf(extreme_of(x, 32)) / 127, id = inverse(d);
        store_u16(block->d, f32_to_f16(d));
        for (int e = 0; e < 32; e++) {
            /* halves are rounded away from zero */
            const float scaled = x[e] * id;
            const int whole = (int)scaled;
            const float rest = scaled - (float)whole;
            block->qs[e] = (int8_t)(whole + (rest >= 0.5f) - (rest <= -0.5f));
        }
    }
}

static void encode_q4_0(void *y, const float *x, size_t n) {
    struct block_q4_0 *block = y;
    for (; n > 0; n -= 32, x += 32, block++) {
        const float d = extreme_of(x, 32) / -8, id = inverse(d);
        store_u16(block->d, f32_to_f16(d));
        for (int e = 0; e < 16; e++) {
            const uint8_t low = at_most((int)(x[e] * id + 8.5f), 15);
            const uint8_t high = at_most((int)(x[e + 16] * id + 8.5f), 15);
            block->qs[e] = (uint8_t)(low | high << 4);
        }
    }
}

static void encode_q4_1(void *y, const float *x, size_t n) {
    struct block_q4_1 *block = y;
    for (; n > 0; n -= 32, x += 32, block++) {
        float minimum, maximum;
        range_of(x, 32, &minimum, &maximum);
        const float d = (maximum - minimum) / 15, id = inverse(d);
        store_u16(block->d, f32_to_f16(d));
        store_u16(block->m, f32_to_f16(minimum));
        for (int e = 0; e < 16; e++) {
            const uint8_t low = at_most((int)((x[e] - minimum) * id + 0.5f), 15);
            const uint8_t high = at_most((int)((x[e + 16] - minimum) * id + 0.5f), 15);
            block->qs[e] = (uint8_t)(low | high << 4);
        }
    }
}

static void encode_q5_0(void *y, const float *x, size_t n) {
    struct block_q5_0 *block = y;
    for (; n > 0; n -= 32, x += 32, block++) {
        const float d = extreme_of(x, 32) / -16, id = inverse(d);
        uint32_t qh = 0;
        store_u16(block->d, f32_to_f16(d));
        for (int e = 0; e < 16; e++) {
            const uint32_t low = at_most((int)(x[e] * id + 16.5f), 31);
            const uint32_t high = at_most((int)(x[e + 16] * id + 16.5f), 31);
            block->qs[e] = (uint8_t)((low & 15) | (high & 15) << 4);
            qh |= low >> 4 << e | high >> 4 << (e + 16);
        }
        store_u16(block->qh, (uint16_t)qh);
        store_u16(block->qh + 2, (uint16_t)(qh >> 16));
    }
}

static void encode_q5_1(void *y, const float *x, size_t n) {
    struct block_q5_1 *block = y;
    for (; n > 0; n -= 32, x += 32, block++) {
        float minimum, maximum;
        range_of(x, 32, &minimum, &maximum);
        const float d = (maximum - minimum) / 31, id = inverse(d);
        uint32_t qh = 0;
        store_u16(block->d, f32_to_f16(d));
        store_u16(block->m, f32_to_f16(minimum));
        for (int e = 0; e < 16; e++) {
            const uint32_t low = at_most((int)((x[e] - minimum) * id + 0.5f), 31);
            const uint32_t high = at_most((int)((x[e + 16] - minimum) * id + 0.5f), 31);
            block->qs[e] = (uint8_t)((low & 15) | (high & 15) << 4);
            qh |= low >> 4 << e | high >> 4 << (e + 16);
        }
        store_u16(block->qh, (uint16_t)qh);
        store_u16(block->qh + 2, (uint16_t)(qh >> 16));
    }
}

/* The index of the nearest of the sixteen values, the lower of two. */
static uint8_t nearest_iq4_nl(float v) {
    int index = 0;
    for (int i = 0; i < 15; i++) index += v > (float)(iq4_nl_values[i] + iq4_nl_values[i + 1]) / 2;
    return (uint8_t)index;
}

static void encode_iq4_nl(void *y, const float *x, size_t n) {
    struct block_iq4_nl *block = y;
    for (; n > 0; n -= 32, x += 32, block++) {
        const float d = extreme_of(x, 32) / iq4_nl_values[0], id = inverse(d);
        store_u16(block->d, f32_to_f16(d));
        for (int e = 0; e < 16; e++)
            block->qs[e] = (uint8_t)(nearest_iq4_nl(x[e] * id) | nearest_iq4_nl(x[e + 16] * id) << 4);
    }
}

/* ------------------------------------------------------------------ blocks of 256
 *
 * A group (32 elements of Q4_K and Q5_K, 16 of Q6_K) is first fitted on its own, with real numbers for its scale and
 * minimum: for some scales around the obvious one the elements are rounded to integers q, and the best scale (and
 * minimum) for these q follow by linear regression. Its error needs no second look at the elements, it follows from
 * the sums of q, q^2 and q x.
 *
 * The loops run over LANES independent sums, which is what lets a compiler use vectors without reordering anything.
 */

enum { LANES = 4 };

static float sum_lanes(const float lanes[LANES]) { return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]); }

/* To the nearest integer for |v| < 2^22, which every compiler can vectorise, unlike a call of rintf. */
static inline float round_small(float v) { return (v + 0x1.8p23f) - 0x1.8p23f; }

static inline float clamp(float v, float low, float high) {
    v = v > low ? v : low;
    return v < high ? v : high;
}

/* Sums over a group, q = round(x * inverse_scale + shift) within [low, high]. */
struct group_sums {
    float q, qq, qx;
};

static inline struct group_sums sum_group(const float *x, int n, float inverse_scale, float shift, float low,
                                          float high) {
    float v[32];
    for (int i = 0; i < n; i++) v[i] = clamp(round_small(x[i] * inverse_scale + shift), low, high);
    float q[LANES] = {0}, qq[LANES] = {0}, qx[LANES] = {0};
    for (int i = 0; i < n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            q[l] += v[i + l];
            qq[l] += v[i + l] * v[i + l];
            qx[l] += v[i + l] * x[i + l];
        }
    }
    return (struct group_sums){sum_lanes(q), sum_lanes(qq), sum_lanes(qx)};
}

/* Squared error of a group when decoded as scale * q - minimum; writes the best q in [low, high]. */
static inline float quantise_group(float *q, const float *x, int n, float scale, float minimum, float low, float high) {
    const float inverse_scale = inverse(scale);
    float squares[32];
    for (int i = 0; i < n; i++) {
        q[i] = clamp(round_small((x[i] + minimum) * inverse_scale), low, high);
        const float difference = scale * q[i] - minimum - x[i];
        squares[i] = difference * difference;
    }
    float error[LANES] = {0};
    for (int i = 0; i < n; i += LANES)
        for (int l = 0; l < LANES; l++) error[l] += squares[i + l];
    return sum_lanes(error);
}

/* ---- Q2_K, Q4_K and Q5_K: x is about scale * q - minimum, minimum >= 0 */

struct affine {
    float scale, minimum;
};

/* Fits a group of n. The candidates stretch or shrink the scale that maps the extremes to 0 and max_q. */
static struct affine fit_affine(const float *x, int n, int max_q) {
    float low, high, sum_x = 0;
    range_of(x, (size_t)n, &low, &high);
    low = low < 0 ? low : 0;
    high = high > low ? high : low;
    for (int i = 0; i < n; i++) sum_x += x[i];
    struct affine best = {0, -low};
    if (!(inverse(high - low) > 0)) return best;

    float best_gain = -FLT_MAX; /* sum of x^2 less the squared error */
    for (int step = -2; step <= 3; step++) {
        float inverse_scale = ((float)max_q + 0.4f * (float)step) * inverse(high - low), shift = -low * inverse_scale;
        for (int round = 0; round < 2; round++) { /* again with the q that belong to the first answer */
            const struct group_sums sums = sum_group(x, n, inverse_scale, shift, 0, (float)max_q);
            const float determinant = (float)n * sums.qq - sums.q * sums.q;
            float scale = ((float)n * sums.qx - sum_x * sums.q) / determinant;
            float offset = (sums.qq * sum_x - sums.q * sums.qx) / determinant;
            if (!(offset <= 0)) { /* all q equal, or a minimum that the format does not have */
                scale = sums.qx / sums.qq;
                offset = 0;
            }
            if (!(scale > 0)) break;
            const float gain = scale * sums.qx + offset * sum_x;
            if (gain > best_gain) {
                best_gain = gain;
                best = (struct affine){scale, -offset};
            }
            inverse_scale = inverse(scale);
            shift = -offset * inverse_scale;
        }
    }
    return best;
}

/* What tells the types apart. */
struct affine_format {
    int groups, max_scale, max_q;
};

struct affine_block {
    uint16_t d, dmin; /* float16 */
    uint8_t scales[16], minima[16];
    uint8_t q[BLOCK_K];
};

/* A float16 that is finite: the largest there is in place of infinity. */
static uint16_t finite_f16(float f) { return f32_to_f16(clamp(f, -65504, 65504)); }

/* With d and dmin given: looks around the nearest integers for each group's scale and minimum, since both are coarse
 * enough that the nearest are often not the best pair. Returns the squared error of the block. */
static float choose_affine(struct affine_block *block, const float *x, const struct affine fits[16],
                           const struct affine_format *format) {
    const int n = BLOCK_K / format->groups, max_scale = format->max_scale;
    const float d = f16_to_f32(block->d), dmin = f16_to_f32(block->dmin);
    float error = 0;
    for (int s = 0; s < format->groups; s++) {
        const int scale = (int)clamp(round_small(fits[s].scale * inverse(d)), 0, (float)max_scale);
        const int minimum = (int)clamp(round_small(fits[s].minimum * inverse(dmin)), 0, (float)max_scale);
        float best = FLT_MAX;
        for (int ds = -1; ds <= 1; ds++) {
            for (int dm = -1; dm <= 1; dm++) {
                const int tried_scale = scale + ds, tried_minimum = minimum + dm;
                if (tried_scale < 0 || tried_scale > max_scale || tried_minimum < 0 || tried_minimum > max_scale)
                    continue;
                float q[32];
                const float tried = quantise_group(q, x + n * s, n, d * (float)tried_scale, dmin * (float)tried_minimum,
                                                   0, (float)format->max_q);
                if (tried < best) {
                    best = tried;
                    block->scales[s] = (uint8_t)tried_scale;
                    block->minima[s] = (uint8_t)tried_minimum;
                    for (int l = 0; l < n; l++) block->q[n * s + l] = (uint8_t)(int)q[l];
                }
            }
        }
        error += best;
    }
    return error;
}

/* With all integers given: the d and dmin of least squared error. */
static void refit_affine(struct affine_block *block, const float *x, const struct affine_format *format) {
    const int n = BLOCK_K / format->groups;
    /* normal equations of x = d a - dmin b, a = scale * q, b = minimum */
    double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
    for (int s = 0; s < format->groups; s++) {
        double q = 0, qq = 0, qx = 0, sum_x = 0;
        for (int l = 0; l < n; l++) {
            const double v = block->q[n * s + l], value = x[n * s + l];
            q += v;
            qq += v * v;
            qx += v * value;
            sum_x += value;
        }
        const double scale = block->scales[s], minimum = block->minima[s];
        aa += scale * scale * qq;
        ab += scale * minimum * q;
        bb += minimum * minimum * n;
        ax += scale * qx;
        bx += minimum * sum_x;
    }
    const double determinant = aa * bb - ab * ab;
    if (determinant > 1e-9 * aa * bb) {
        block->d = finite_f16((float)((ax * bb - bx * ab) / determinant));
        block->dmin = finite_f16((float)((ax * ab - bx * aa) / determinant));
    } else if (aa > 0 && bb == 0) {
        block->d = finite_f16((float)(ax / aa));
    }
}

/* The three steps for one block: fit the groups, choose integers, refit d and dmin for these
 * and choose again. */
static void search_affine(struct affine_block *best, const float *x, const struct affine_format *format) {
    const int n = BLOCK_K / format->groups;
    struct affine fits[16];
    float max_scale = 0, max_minimum = 0;
    for (int s = 0; s < format->groups; s++) {
        fits[s] = fit_affine(x + n * s, n, format->max_q);
        max_scale = fits[s].scale > max_scale ? fits[s].scale : max_scale;
        max_minimum = fits[s].minimum > max_minimum ? fits[s].minimum : max_minimum;
    }
    const float most = (float)format->max_scale;
    struct affine_block block = {.d = finite_f16(max_scale / most), .dmin = finite_f16(max_minimum / most)};
    const float error = choose_affine(&block, x, fits, format);
    *best = block;
    refit_affine(&block, x, format);
    if (choose_affine(&block, x, fits, format) < error) *best = block;
}

/* Element 128 n + 32 j + l at bit 2 j of bits[32 n + l], for bits that have been cleared; q in 0..3. */
static void store_two_bits(uint8_t bits[64], int e, int q) {
    bits[32 * (e / 128) + e % 32] |= (uint8_t)(q << 2 * (e / 32 % 4));
}

static void encode_q2_k(void *y, const float *x, size_t n) {
    struct block_q2_k *block = y;
    for (; n > 0; n -= BLOCK_K, x += BLOCK_K, block++) {
        struct affine_block found;
        search_affine(&found, x, &(struct affine_format){.groups = 16, .max_scale = 15, .max_q = 3});
        store_u16(block->d, found.d);
        store_u16(block->dmin, found.dmin);
        for (int t = 0; t < 16; t++) block->scales[t] = (uint8_t)(found.scales[t] | found.minima[t] << 4);
        memset(block->qs, 0, sizeof block->qs);
        for (int e = 0; e < BLOCK_K; e++) store_two_bits(block->qs, e, found.q[e]);
    }
}

static void encode_q4_k(void *y, const float *x, size_t n) {
    struct block_q4_k *block = y;
    for (; n > 0; n -= BLOCK_K, x += BLOCK_K, block++) {
        struct affine_block found;
        search_affine(&found, x, &(struct affine_format){.groups = 8, .max_scale = 63, .max_q = 15});
        store_u16(block->d, found.d);
        store_u16(block->dmin, found.dmin);
        store_scales_k(block->scales, found.scales, found.minima);
        for (int i = 0; i < 128; i++) {
            const uint8_t *q = found.q + i / 32 * 64 + i % 32;
            block->qs[i] = (uint8_t)(q[0] | q[32] << 4);
        }
    }
}

static void encode_q5_k(void *y, const float *x, size_t n) {
    struct block_q5_k *block = y;
    for (; n > 0; n -= BLOCK_K, x += BLOCK_K, block++) {
        struct affine_block found;
        search_affine(&found, x, &(struct affine_format){.groups = 8, .max_scale = 63, .max_q = 31});
        store_u16(block->d, found.d);
        store_u16(block->dmin, found.dmin);
        store_scales_k(block->scales, found.scales, found.minima);
        memset(block->qh, 0, sizeof block->qh);
        for (int i = 0; i < 128; i++) {
            const uint8_t *q = found.q + i / 32 * 64 + i % 32;
            block->qs[i] = (uint8_t)((q[0] & 15) | (q[32] & 15) << 4);
            block->qh[i % 32] |= (uint8_t)((q[0] >> 4 | q[32] >> 4 << 1) << 2 * (i / 32));
        }
    }
}

/* ---- Q3_K and Q6_K: x is about scale * q, q in -half..half - 1, scale of either sign */

/* Fits a group of 16. The extreme value is mapped to about -half, the longer end. */
static float fit_scale(const float x[16], float half) {
    const float extreme = extreme_of(x, 16);
    float best = 0, best_gain = 0; /* sum of x^2 less the squared error */
    for (int step = -4; step <= 4; step++) {
        const float inverse_scale = (-half + 0.4f * (float)step) * inverse(extreme);
        const struct group_sums sums = sum_group(x, 16, inverse_scale, 0, -half, half - 1);
        if (sums.qx * sums.qx > best_gain * sums.qq) {
            best_gain = sums.qx * sums.qx / sums.qq;
            best = sums.qx / sums.qq;
        }
    }
    return best;
}

/* What tells the types apart. */
struct scaled_format {
    int max_scale; /* scales from -max_scale - 1 on */
    float half;
};

struct scaled_block {
    uint16_t d; /* float16 */
    int8_t scales[16];
    int8_t q[BLOCK_K];
};

/* With d given: looks around the nearest integer for each group's scale. Returns the squared error. */
static float choose_scales(struct scaled_block *block, const float *x, const float fits[16],
                           const struct scaled_format *format) {
    const int most = format->max_scale, least = -most - 1;
    const float d = f16_to_f32(block->d);
    float error = 0;
    for (int t = 0; t < 16; t++) {
        const int scale = (int)clamp(round_small(fits[t] * inverse(d)), (float)least, (float)most);
        float best = FLT_MAX;
        for (int ds = -1; ds <= 1; ds++) {
            const int tried_scale = scale + ds;
            if (tried_scale < least || tried_scale > most) continue;
            float q[16];
            const float tried =
                quantise_group(q, x + 16 * t, 16, d * (float)tried_scale, 0, -format->half, format->half - 1);
            if (tried < best) {
                best = tried;
                block->scales[t] = (int8_t)tried_scale;
                for (int l = 0; l < 16; l++) block->q[16 * t + l] = (int8_t)(int)q[l];
            }
        }
        error += best;
    }
    return error;
}

/* With all integers given: the d of least squared error. */
static void refit_scale(struct scaled_block *block, const float *x) {
    double vv = 0, vx = 0;
    for (int i = 0; i < BLOCK_K; i++) {
        const double v = block->scales[i / 16] * block->q[i];
        vv += v * v;
        vx += v * x[i];
    }
    if (vv > 0) block->d = finite_f16((float)(vx / vv));
}

static void search_scaled(struct scaled_block *best, const float *x, const struct scaled_format *format) {
    float fits[16];
    for (int t = 0; t < 16; t++) fits[t] = fit_scale(x + 16 * t, format->half);
    /* the scale of largest magnitude becomes the one of largest magnitude that there is, which is negative */
    struct scaled_block block = {.d = finite_f16(extreme_of(fits, 16) / (float)(-format->max_scale - 1))};
    const float error = choose_scales(&block, x, fits, format);
    *best = block;
    refit_scale(&block, x);
    if (choose_scales(&block, x, fits, format) < error) *best = block;
}

static void encode_q3_k(void *y, const float *x, size_t n) {
    struct block_q3_k *block = y;
    for (; n > 0; n -= BLOCK_K, x += BLOCK_K, block++) {
        struct scaled_block found;
        search_scaled(&found, x, &(struct scaled_format){.max_scale = 31, .half = 4});
        store_u16(block->d, found.d);
        store_scales_q3_k(block->scales, found.scales);
        memset(block->qs, 0, sizeof block->qs);
        memset(block->hmask, 0, sizeof block->hmask);
        for (int e = 0; e < BLOCK_K; e++) {
            const int q = found.q[e] + 4;
            store_two_bits(block->qs, e, q & 3);
            block->hmask[e % 32] |= (uint8_t)(q >> 2 << e / 32);
        }
    }
}

static void encode_q6_k(void *y, const float *x, size_t n) {
    struct block_q6_k *block = y;
    for (; n > 0; n -= BLOCK_K, x += BLOCK_K, block++) {
        struct scaled_block found;
        search_scaled(&found, x, &(struct scaled_format){.max_scale = 127, .half = 32});
        store_u16(block->d, found.d);
        memcpy(block->scales, found.scales, sizeof block->scales);
        for (int half = 0; half < 2; half++) {
            for (int l = 0; l < 32; l++) {
                uint8_t *ql = block->ql + 64 * half + l;
                uint8_t q[4];
                for (int j = 0; j < 4; j++) q[j] = (uint8_t)(found.q[128 * half + 32 * j + l] + 32);
                ql[0] = (uint8_t)((q[0] & 15) | (q[2] & 15) << 4);
                ql[32] = (uint8_t)((q[1] & 15) | (q[3] & 15) << 4);
                block->qh[32 * half + l] = (uint8_t)(q[0] >> 4 | q[1] >> 4 << 2 | q[2] >> 4 << 4 | q[3] >> 4 << 6);
            }
        }
    }
}

void encode_row(enum weight_type type, void *y, const float *x, size_t n) {
    static void (*const encoders[WEIGHT_TYPE_COUNT])(void *, const float *, size_t) = {
#define X(NAME, name) [WEIGHT_##NAME] = encode_##name,
        RWKV_WEIGHT_TYPES(X)
#undef X
    };
    encoders[type](y, x, n);
}
