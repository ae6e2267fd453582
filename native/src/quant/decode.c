/* From every weight type to floats: the layouts of docs/formats.md, written as they stand there. */
#include "blocks.h"

static void decode_f32(float *y, const void *x, size_t n) { memcpy(y, x, n * sizeof *y); }

static void decode_f16(float *y, const void *x, size_t n) {
    const uint8_t *halves = x;
    for (size_t i = 0; i < n; i++) y[i] = load_f16(halves + 2 * i);
}

static void decode_bf16(float *y, const void *x, size_t n) {
    const uint8_t *halves = x;
    for (size_t i = 0; i < n; i++) y[i] = bf16_to_f32(load_u16(halves + 2 * i));
}

static void decode_q8_0(float *y, const void *x, size_t n) {
    const struct block_q8_0 *block = x;
    for (size_t i = 0; i < n; i += 32, block++) {
        const float d = load_f16(block->d);
        for (int e = 0; e < 32; e++) y[i + e] = d * block->qs[e];
    }
}

static void decode_q4_0(float *y, const void *x, size_t n) {
    const struct block_q4_0 *block = x;
    for (size_t i = 0; i < n; i += 32, block++) {
        const float d = load_f16(block->d);
        for (int e = 0; e < 16; e++) {
            y[i + e] = d * ((block->qs[e] & 15) - 8);
            y[i + 16 + e] = d * ((block->qs[e] >> 4) - 8);
        }
    }
}

static void decode_q4_1(float *y, const void *x, size_t n) {
    const struct block_q4_1 *block = x;
    for (size_t i = 0; i < n; i += 32, block++) {
        const float d = load_f16(block->d), m = load_f16(block->m);
        for (int e = 0; e < 16; e++) {
            y[i + e] = d * (block->qs[e] & 15) + m;
            y[i + 16 + e] = d * (block->qs[e] >> 4) + m;
        }
    }
}

static void decode_q5_0(float *y, const void *x, size_t n) {
    const struct block_q5_0 *block = x;
    for (size_t i = 0; i < n; i += 32, block++) {
        const float d = load_f16(block->d);
        const uint32_t qh = load_u32(block->qh);
        for (int e = 0; e < 16; e++) {
            y[i + e] = d * (int)((block->qs[e] & 15) + (qh >> e & 1) * 16 - 16);
            y[i + 16 + e] = d * (int)((block->qs[e] >> 4) + (qh >> (e + 16) & 1) * 16 - 16);
        }
    }
}

static void decode_q5_1(float *y, const void *x, size_t n) {
    const struct block_q5_1 *block = x;
    for (size_t i = 0; i < n; i += 32, block++) {
        const float d = load_f16(block->d), m = load_f16(block->m);
        const uint32_t qh = load_u32(block->qh);
        for (int e = 0; e < 16; e++) {
            y[i + e] = d * ((block->qs[e] & 15) + (qh >> e & 1) * 16) + m;
            y[i + 16 + e] = d * ((block->qs[e] >> 4) + (qh >> (e + 16) & 1) * 16) + m;
        }
    }
}

static void decode_iq4_nl(float *y, const void *x, size_t n) {
    const struct block_iq4_nl *block = x;
    for (size_t i = 0; i < n; i += 32, block++) {
        const float d = load_f16(block->d);
        for (int e = 0; e < 16; e++) {
            y[i + e] = d * iq4_nl_values[block->qs[e] & 15];
            y[i + 16 + e] = d * iq4_nl_values[block->qs[e] >> 4];
        }
    }
}

static void decode_q2_k(float *y, const void *x, size_t n) {
    const struct block_q2_k *block = x;
    for (size_t i = 0; i < n; i += BLOCK_K, block++) {
        const float d = load_f16(block->d), dmin = load_f16(block->dmin);
        for (int e = 0; e < BLOCK_K; e++) {
            const uint8_t scales = block->scales[e / 16];
            const int q = block->qs[32 * (e / 128) + e % 32] >> 2 * (e / 32 % 4) & 3;
            y[i + e] = d * (scales & 15) * q - dmin * (scales >> 4);
        }
    }
}

static void decode_q3_k(float *y, const void *x, size_t n) {
    const struct block_q3_k *block = x;
    for (size_t i = 0; i < n; i += BLOCK_K, block++) {
        const float d = load_f16(block->d);
        int8_t scales[16];
        load_scales_q3_k(block->scales, scales);
        for (int e = 0; e < BLOCK_K; e++) {
            const int low = block->qs[32 * (e / 128) + e % 32] >> 2 * (e / 32 % 4) & 3;
            const int high = block->hmask[e % 32] >> e / 32 & 1;
            y[i + e] = d * scales[e / 16] * ((low | high << 2) - 4);
        }
    }
}

static void decode_q4_k(float *y, const void *x, size_t n) {
    const struct block_q4_k *block = x;
    for (size_t i = 0; i < n; i += BLOCK_K, block++) {
        const float d = load_f16(block->d), dmin = load_f16(block->dmin);
        uint8_t scales[8], minima[8];
        load_scales_k(block->scales, scales, minima);
        for (int s = 0; s < 8; s++) {
            const float scale = d * scales[s], minimum = dmin * minima[s];
            for (int l = 0; l < 32; l++)
                y[i + 32 * s + l] = scale * (block->qs[32 * (s / 2) + l] >> 4 * (s & 1) & 15) - minimum;
        }
    }
}

static void decode_q5_k(float *y, const void *x, size_t n) {
    const struct block_q5_k *block = x;
    for (size_t i = 0; i < n; i += BLOCK_K, block++) {
        const float d = load_f16(block->d), dmin = load_f16(block->dmin);
        uint8_t scales[8], minima[8];
        load_scales_k(block->scales, scales, minima);
        for (int s = 0; s < 8; s++) {
            const float scale = d * scales[s], minimum = dmin * minima[s];
            for (int l = 0; l < 32; l++) {
                const int q = (block->qs[32 * (s / 2) + l] >> 4 * (s & 1) & 15) + 16 * (block->qh[l] >> s & 1);
                y[i + 32 * s + l] = scale * q - minimum;
            }
        }
    }
}

static void decode_q6_k(float *y, const void *x, size_t n) {
    const struct block_q6_k *block = x;
    for (size_t i = 0; i < n; i += BLOCK_K, block++) {
        const float d = load_f16(block->d);
        for (int s = 0; s < 8; s++) { /* s = 4 n + j of the layout's formula */
            const uint8_t *ql = block->ql + 64 * (s / 4) + 32 * (s & 1);
            const uint8_t *qh = block->qh + 32 * (s / 4);
            const int low_shift = 4 * (s >> 1 & 1), high_shift = 2 * (s & 3);
            for (int l = 0; l < 32; l++) {
                const int q = (ql[l] >> low_shift & 15) | (qh[l] >> high_shift & 3) << 4;
                y[i + 32 * s + l] = d * block->scales[2 * s + l / 16] * (q - 32);
            }
        }
    }
}

void decode_row(enum weight_type type, float *y, const void *x, size_t n) {
    static void (*const decoders[WEIGHT_TYPE_COUNT])(float *, const void *, size_t) = {
#define X(NAME, name) [WEIGHT_##NAME] = decode_##name,
        RWKV_WEIGHT_TYPES(X)
#undef X
    };
    decoders[type](y, x, n);
}
