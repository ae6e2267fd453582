/*
 * Activations for paired panels: a q8 row, and what struct paired_group adds to it.
 *
 * Four groups at a time, of one row or several: what there is one of in each group, a scale or a sum, is computed for
 * four in a register, and across the lanes of four registers adding up takes as many steps as of one.
 */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "../simd/inline.h"
#include "panels_zen4.h"

quantise_paired_kernel zen4_quantise_paired;

enum { GROUPS = 4 };

/* A group, and where it goes. */
struct group {
    const float *x;
    int8_t *q;
    float *scale, *sum;
    int16_t *halves;
    struct paired_group *paired;
};

/* What remains of the lanes of each of four registers, two by two. */
#define REDUCE(name, which)                                                                                            \
    INLINE __m512 unpacked_##name(__m512 a, __m512 b) {                                                                \
        return _mm512_##which##_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));                                \
    }                                                                                                                  \
    INLINE __m128 name(const __m512 v[GROUPS]) {                                                                       \
        const __m512d a = _mm512_castps_pd(unpacked_##name(v[0], v[1]));                                               \
        const __m512d b = _mm512_castps_pd(unpacked_##name(v[2], v[3]));                                               \
        const __m512 four = _mm512_##which##_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),                            \
                                                _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));                           \
        const __m256 two = _mm256_##which##_ps(_mm512_castps512_ps256(four), _mm512_extractf32x8_ps(four, 1));         \
        return _mm_##which##_ps(_mm256_castps256_ps128(two), _mm256_extractf128_ps(two, 1));                           \
    }

REDUCE(largest, max)
REDUCE(smallest, min)

INLINE __m512i sum_of_unpacked(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}

/* In each 128 bits, the sums of those of a, b, c and d. */
INLINE __m512i sums(__m512i a, __m512i b, __m512i c, __m512i d) {
    const __m512i ab = sum_of_unpacked(a, b), cd = sum_of_unpacked(c, d);
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

/* Value by value, a as the first half of a group, b as the second; c and d those of the next one. */
INLINE __m512i to_bytes(__m512 a, __m512 b, __m512 c, __m512 d) {
    const __m512i ab = _mm512_packs_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b));
    const __m512i cd = _mm512_packs_epi32(_mm512_cvtps_epi32(c), _mm512_cvtps_epi32(d));
    /* packing works in 128 bits, and leaves fours of a, b, c, d side by side */
    const __m512i in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(in_order, _mm512_packs_epi16(ab, cd));
}

/* Zeros, with a scale of NaN. */
static void store_not_finite(const struct group *group) {
    memset(group->q, 0, Q8_GROUP);
    *group->scale = *group->sum = NAN;
    group->halves[0] = group->halves[1] = 0;
    *group->paired = (struct paired_group){.scale = NAN};
    memset(group->paired->second, 128, sizeof group->paired->second);
}

INLINE bool is_finite(const float *x) {
    enum { NAN_OR_INFINITY = 0x99 };
    return !(_mm512_fpclass_ps_mask(_mm512_loadu_ps(x), NAN_OR_INFINITY) |
             _mm512_fpclass_ps_mask(_mm512_loadu_ps(x + 16), NAN_OR_INFINITY));
}

INLINE void quantise_groups(const struct group groups[GROUPS]) {
    __m512 v[2 * GROUPS], most[GROUPS], least[GROUPS];
    __mmask16 nan = 0;
    UNROLL
    for (int i = 0; i < GROUPS; i++) {
        const __m512 a = v[2 * i] = _mm512_loadu_ps(groups[i].x), b = v[2 * i + 1] = _mm512_loadu_ps(groups[i].x + 16);
        most[i] = _mm512_max_ps(a, b);
        least[i] = _mm512_min_ps(a, b);
        nan |= _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q);
    }

    /* The largest magnitude, and that of the other sign, which may have none. */
    const __m128 positive = largest(most), negative = _mm_sub_ps(_mm_setzero_ps(), smallest(least));
    const __m128 larger = _mm_max_ps(positive, negative), infinity = _mm_set1_ps(INFINITY);
    const __m128 smaller = _mm_max_ps(_mm_min_ps(positive, negative), _mm_setzero_ps());
    /* value / limit, limit / value, of both, of which the coarser one counts. */
    const __m256 sizes = _mm256_set_m128(smaller, larger);
    const __m256 limits = _mm256_set_m128(_mm_set1_ps(-(float)PAIRED_LEAST), _mm_set1_ps(127));
    const __m256 scales = _mm256_div_ps(sizes, limits), inverses = _mm256_div_ps(limits, sizes);
    const __m128 inverse = _mm_min_ps(_mm256_castps256_ps128(inverses), _mm256_extractf128_ps(inverses, 1));
    const __m128 scale = _mm_max_ps(_mm256_castps256_ps128(scales), _mm256_extractf128_ps(scales, 1));
    /* Values too small to have an inverse become zeros. */
    const __mmask8 some = _mm_cmp_ps_mask(inverse, infinity, _CMP_NEQ_UQ);
    const __m128 sign = _mm_and_ps(_mm_sub_ps(positive, negative), _mm_set1_ps(-0.0f));
    const __m128 signed_scale = _mm_maskz_or_ps(some, scale, sign);
    float factors[GROUPS];
    _mm_storeu_ps(factors, _mm_maskz_or_ps(some, inverse, sign));
    UNROLL
    for (int i = 0; i < 2 * GROUPS; i++) v[i] = _mm512_mul_ps(v[i], _mm512_set1_ps(factors[i / 2]));

    __m512i halves[2], pairs[2];
    UNROLL
    for (int i = 0; i < 2; i++) { /* of two groups each */
        const struct group *group = groups + 2 * i;
        const __m512i q = to_bytes(v[4 * i], v[4 * i + 1], v[4 * i + 2], v[4 * i + 3]);
        const __m512i paired = _mm512_mask_add_epi8(q, 0xffff0000ffff0000, q, _mm512_set1_epi8((char)128));
        const __m512i swapped = _mm512_shuffle_i64x2(paired, paired, 0xb1);
        const __m512i factor = _mm512_mask_mov_epi32(swapped, 0x1111, _mm512_set1_epi8(S4_TOP)); /* unpaired: 15 */
        halves[i] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), q);
        pairs[i] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), factor, q); /* those of second halves mean nothing */
        _mm256_storeu_si256((__m256i *)group[0].q, _mm512_castsi512_si256(q));
        _mm256_storeu_si256((__m256i *)group[1].q, _mm512_extracti64x4_epi64(q, 1));
        _mm256_storeu_si256((__m256i *)group[0].paired->first, _mm512_castsi512_si256(paired));
        _mm256_storeu_si256((__m256i *)group[1].paired->first, _mm512_extracti64x4_epi64(paired, 1));
    }
    /* of all groups the first half, the second one, the pairs */
    const __m512i by_kind = _mm512_setr_epi32(0, 8, 1, 9, 4, 12, 5, 13, 2, 10, 3, 11, 0, 0, 0, 0);
    const __m512i kinds = _mm512_permutexvar_epi32(by_kind, sums(halves[0], halves[1], pairs[0], pairs[1]));
    const __m128i first = _mm512_castsi512_si128(kinds), second = _mm512_extracti32x4_epi32(kinds, 1);
    const __m128i total = _mm_add_epi32(first, second);
    float scale_of[GROUPS], sum_of[GROUPS];
    int16_t halves_of[GROUPS][2];
    int32_t pairs_of[GROUPS];
    _mm_storeu_ps(scale_of, signed_scale);
    _mm_storeu_ps(sum_of, _mm_mul_ps(signed_scale, _mm_cvtepi32_ps(total)));
    _mm_storeu_si128((__m128i *)halves_of,
                     _mm_packs_epi32(_mm_unpacklo_epi32(first, second), _mm_unpackhi_epi32(first, second)));
    _mm_storeu_si128((__m128i *)pairs_of, _mm_sub_epi32(_mm_mullo_epi32(total, _mm_set1_epi32(S4_TOP - S4_ZERO)),
                                                        _mm512_extracti32x4_epi32(kinds, 2)));
    UNROLL
    for (int i = 0; i < GROUPS; i++) {
        *groups[i].scale = groups[i].paired->scale = scale_of[i];
        *groups[i].sum = sum_of[i];
        memcpy(groups[i].halves, halves_of[i], sizeof halves_of[i]);
        groups[i].paired->pairs = pairs_of[i];
    }

    if (!nan && !_mm_cmp_ps_mask(larger, infinity, _CMP_EQ_OQ)) return;
    for (int i = 0; i < GROUPS; i++)
        if (!is_finite(groups[i].x)) store_not_finite(&groups[i]);
}

void zen4_quantise_paired(void *rows, size_t row_bytes, const float *x, size_t x_stride, size_t row_count, size_t n,
                          size_t first, size_t count) {
    char *row = rows;
    /* What fills up the last four; nobody wants what is written to it. */
    static const float zeros[Q8_GROUP];
    int8_t q[Q8_GROUP];
    float scale, sum;
    int16_t halves[2];
    struct paired_group paired;
    const struct group none = {zeros, q, &scale, &sum, halves, &paired};

    const size_t begin = first / Q8_GROUP, end = (first + count) / Q8_GROUP;
    size_t left = row_count * (end - begin), g = begin;
    while (left > 0) {
        struct group groups[GROUPS];
        for (int i = 0; i < GROUPS; i++) {
            if (left == 0) {
                groups[i] = none;
                continue;
            }
            groups[i] = (struct group){x + g * Q8_GROUP,
                                       (int8_t *)row + g * Q8_GROUP,
                                       (float *)q8_row_scales(row, n) + g,
                                       (float *)q8_row_sums(row, n) + g,
                                       (int16_t *)q8_row_halves(row, n) + 2 * g,
                                       (struct paired_group *)paired_row_groups(row, n) + g};
            left--;
            if (++g < end || left == 0) continue;
            g = begin;
            row += row_bytes;
            x += x_stride;
        }
        quantise_groups(groups);
    }
}
