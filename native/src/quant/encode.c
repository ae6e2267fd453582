/*
 * From floats to every weight type, without a search where that is possible: the blocks of 32 as ggml encodes them, bit
 * for bit (docs/formats.md), in one pass, where the scale follows from the extreme values. The encoders that
 * search are in search.inc.
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

/* ------------------------------------------------------------------ all types */

void encode_row_search(enum weight_type type, void *y, const float *x, const float *importance, size_t n) {
    const struct kernels *kernels = kernels_get();
    encode_kernel *encode = (kernels ? kernels : &scalar_kernels)->encode[type];
    if (encode)
        encode(y, x, importance, n);
    else
        encode_row(type, y, x, n);
}

void encode_row(enum weight_type type, void *y, const float *x, size_t n) {
    switch (type) {
    case WEIGHT_F32: encode_f32(y, x, n); break;
    case WEIGHT_F16: encode_f16(y, x, n); break;
    case WEIGHT_BF16: encode_bf16(y, x, n); break;
    case WEIGHT_Q8_0: encode_q8_0(y, x, n); break;
    case WEIGHT_Q4_0: encode_q4_0(y, x, n); break;
    case WEIGHT_Q4_1: encode_q4_1(y, x, n); break;
    case WEIGHT_Q5_0: encode_q5_0(y, x, n); break;
    case WEIGHT_Q5_1: encode_q5_1(y, x, n); break;
    default: encode_row_search(type, y, x, NULL, n);
    }
}
