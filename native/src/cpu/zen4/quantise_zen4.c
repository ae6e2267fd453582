/*
 * Activations for paired panels: a q8 row, and what struct paired_group adds to it.
 */
#include <immintrin.h>
#include <math.h>

#include "../simd/inline.h"
#include "panels_zen4.h"

quantise_kernel zen4_quantise_paired;

/* The largest of 32 numbers, and the largest of what they are with the other sign, in lanes 0 and 1. */
INLINE __m128 extremes(__m512 a, __m512 b) {
    const __m512 zero = _mm512_setzero_ps();
    const __m512 most = _mm512_max_ps(a, b), least = _mm512_sub_ps(zero, _mm512_min_ps(a, b));
    /* Both in one register, half of the lanes each. */
    __m512 both = _mm512_max_ps(_mm512_shuffle_f32x4(most, least, 0x44), _mm512_shuffle_f32x4(most, least, 0xee));
    both = _mm512_max_ps(both, _mm512_shuffle_f32x4(both, both, 0xb1));
    both = _mm512_max_ps(both, _mm512_permute_ps(both, 0x4e));
    both = _mm512_max_ps(both, _mm512_permute_ps(both, 0xb1));
    return _mm_unpacklo_ps(_mm512_castps512_ps128(both), _mm512_extractf32x4_ps(both, 2));
}

struct row {
    int8_t *q;
    float *scale, *sum;
    int16_t *halves;
    struct paired_group *paired;
};

/* A group of zeros, with a scale of 0 or NaN. */
INLINE void store_zeros(const struct row *row, size_t group, float scale) {
    struct paired_group *paired = &row->paired[group];
    _mm256_storeu_si256((__m256i *)(row->q + group * Q8_GROUP), _mm256_setzero_si256());
    row->scale[group] = row->sum[group] = scale;
    row->halves[2 * group] = row->halves[2 * group + 1] = 0;
    *paired = (struct paired_group){.scale = scale};
    _mm_storeu_si128((__m128i *)paired->second, _mm_set1_epi8((char)128));
}

void zen4_quantise_paired(void *memory, const float *x, size_t n, size_t begin, size_t count) {
    const struct row row = {memory, (float *)q8_row_scales(memory, n), (float *)q8_row_sums(memory, n),
                            (int16_t *)q8_row_halves(memory, n), (struct paired_group *)paired_row_groups(memory, n)};
    const __m128 limits = _mm_setr_ps(127, -(float)PAIRED_LEAST, 127, -(float)PAIRED_LEAST);

    x += begin;
    for (size_t group = begin / Q8_GROUP; group < (begin + count) / Q8_GROUP; group++, x += Q8_GROUP) {
        const __m512 x0 = _mm512_loadu_ps(x), x1 = _mm512_loadu_ps(x + 16);
        const __m128 two = extremes(x0, x1), swapped = _mm_shuffle_ps(two, two, 0x11);
        /* The largest magnitude, and that of the other sign, which may have none. */
        const __m128 sizes =
            _mm_blend_ps(_mm_max_ps(two, swapped), _mm_max_ps(_mm_min_ps(two, swapped), _mm_setzero_ps()), 2);

        /* value / limit, limit / value, of both, of which the coarser one counts. */
        const __m128 quotients = _mm_div_ps(_mm_shuffle_ps(sizes, limits, 0x44), _mm_shuffle_ps(limits, sizes, 0x44));
        const __m128 others = _mm_shuffle_ps(quotients, quotients, 0xb1);
        const __m128 least = _mm_min_ps(quotients, others);
        float scale = _mm_cvtss_f32(_mm_max_ps(quotients, others));
        float inverse = _mm_cvtss_f32(_mm_movehl_ps(least, least));
        enum { NAN_OR_INFINITY = 0x99 };
        const bool finite =
            !(_mm512_fpclass_ps_mask(x0, NAN_OR_INFINITY) | _mm512_fpclass_ps_mask(x1, NAN_OR_INFINITY));
        if (!finite || isinf(inverse)) {
            store_zeros(&row, group, finite ? 0 : NAN);
            continue;
        }
        const float sign = _mm_cvtss_f32(_mm_sub_ss(two, swapped)); /* no branch, which nobody could predict */
        scale = copysignf(scale, sign);
        inverse = copysignf(inverse, sign);

        const __m512 factor = _mm512_set1_ps(inverse);
        const __m128i q0 = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x0, factor)));
        const __m128i q1 = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x1, factor)));
        const __m128i second = _mm_add_epi8(q1, _mm_set1_epi8((char)128));
        int8_t *q = row.q + group * Q8_GROUP;
        _mm_storeu_si128((__m128i *)q, q0);
        _mm_storeu_si128((__m128i *)q + 1, q1);

        const __m128i zero = _mm_setzero_si128(), one = _mm_set1_epi8(1);
        const __m128i halves = _mm_hadd_epi32(_mm_dpbusd_epi32(zero, one, q0), _mm_dpbusd_epi32(zero, one, q1));
        const __m128i factors = _mm_blend_epi32(second, _mm_set1_epi8(S4_TOP), 1); /* of the unpaired ones: 15 */
        const __m128i pairs = _mm_dpbusd_epi32(zero, factors, q0);
        const __m128i sums = _mm_hadd_epi32(halves, _mm_hadd_epi32(pairs, pairs)); /* of q0, q1, pairs, pairs */
        const int sum_0 = _mm_cvtsi128_si32(sums), sum_1 = _mm_extract_epi32(sums, 1);
        row.scale[group] = scale;
        row.sum[group] = scale * (float)(sum_0 + sum_1);
        row.halves[2 * group] = (int16_t)sum_0;
        row.halves[2 * group + 1] = (int16_t)sum_1;

        struct paired_group *paired = &row.paired[group];
        _mm_storeu_si128((__m128i *)paired->first, q0);
        _mm_storeu_si128((__m128i *)paired->second, second);
        paired->scale = scale;
        paired->pairs = (S4_TOP - S4_ZERO) * (sum_0 + sum_1) - _mm_extract_epi32(sums, 2);
    }
}
