/*
 * Panels times activations, AVX2.
 *
 * Integers are multiplied by vpmaddubsw: unsigned weights times signed activations, sums of two neighbours in 16 bits.
 * What these sums may reach decides how many of them can be added before they are widened to 32 bits:
 *
 *     U5   2 * 31 * 127 =  7874: four
 *     U6   2 * 45 * 127 = 11430: two
 *     S6   2 * 63 * 127 = 16002: two
 *     S8   2 * 128 * 127 = 32512: one (the weight's sign is given to the activation)
 */
#include <stdbool.h>

#include "../x86/ymm.h"
#include "dots.h"
#include "panels_avx2.h"

enum { MAX_TILE = 4, MAX_TILE_F32 = 6 };

INLINE int largest_weight(const enum panel panel) {
    return panel == PANEL_U5 ? 31 : panel == PANEL_U6 ? 45 : panel == PANEL_S6 ? 63 : 128;
}

INLINE void add_products(integers sum[MAX_TILE][2], const void *q, const char *x, size_t x_stride, const int first,
                         const int count, const enum panel panel, const int tokens) {
    const bool is_signed = panel == PANEL_S8;
    const int depth = INT16_MAX / (2 * largest_weight(panel) * 127);
    const __m256i *weights = q;
    integers pairs[MAX_TILE][2];
    UNROLL
    for (int k = 0; k < count; k++) {
        const integers w[2] = {load(weights + 2 * (first + k)), load(weights + 2 * (first + k) + 1)};
        const integers magnitude[2] = {_mm256_abs_epi8(w[0]), _mm256_abs_epi8(w[1])};
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const integers four = broadcast_4(x + (size_t)t * x_stride + 4 * (first + k));
            UNROLL
            for (int i = 0; i < 2; i++) {
                const integers products = is_signed ? _mm256_maddubs_epi16(magnitude[i], _mm256_sign_epi8(four, w[i]))
                                                    : _mm256_maddubs_epi16(w[i], four);
                pairs[t][i] = k % depth == 0 ? products : _mm256_add_epi16(pairs[t][i], products);
                if (k % depth == depth - 1) sum[t][i] = dot_words(sum[t][i], pairs[t][i], _mm256_set1_epi16(1));
            }
        }
    }
}

#define KERNEL(name) avx2_##name
#include "../x86/gemm.inc"
