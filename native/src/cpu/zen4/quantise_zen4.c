/*
 * Activations for paired panels: a q8 row, and what struct paired_group adds to it.
 */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "../kernels.h"
#include "../simd/inline.h"

quantise_kernel zen4_quantise_paired;

/* The two largest of 32 numbers as unsigned integers, in lanes 0 and 1: in this order of floats that are not negative
 * infinity and NaN are the greatest. */
INLINE __m128 two_largest(__m512i a, __m512i b) {
    /* Of each lane so far; then of two lanes, until there is one. */
    const __m512i most = _mm512_max_epu32(a, b), less = _mm512_min_epu32(a, b);
#define OF_TWO(most_a, less_a, most_b, less_b, max, min)                                                               \
    less_a = max(min(most_a, most_b), max(less_a, less_b)), most_a = max(most_a, most_b)
    __m256i most_8 = _mm512_castsi512_si256(most), less_8 = _mm512_castsi512_si256(less);
    OF_TWO(most_8, less_8, _mm512_extracti64x4_epi64(most, 1), _mm512_extracti64x4_epi64(less, 1), _mm256_max_epu32,
           _mm256_min_epu32);
    __m128i most_4 = _mm256_castsi256_si128(most_8), less_4 = _mm256_castsi256_si128(less_8);
    OF_TWO(most_4, less_4, _mm256_extracti128_si256(most_8, 1), _mm256_extracti128_si256(less_8, 1), _mm_max_epu32,
           _mm_min_epu32);
    OF_TWO(most_4, less_4, _mm_shuffle_epi32(most_4, 0x4e), _mm_shuffle_epi32(less_4, 0x4e), _mm_max_epu32,
           _mm_min_epu32);
    OF_TWO(most_4, less_4, _mm_shuffle_epi32(most_4, 0xb1), _mm_shuffle_epi32(less_4, 0xb1), _mm_max_epu32,
           _mm_min_epu32);
#undef OF_TWO
    return _mm_castsi128_ps(_mm_unpacklo_epi32(most_4, less_4));
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
    const __m512i magnitude = _mm512_set1_epi32(INT32_MAX);

    x += begin;
    for (size_t group = begin / Q8_GROUP; group < (begin + count) / Q8_GROUP; group++, x += Q8_GROUP) {
        const __m512 x0 = _mm512_loadu_ps(x), x1 = _mm512_loadu_ps(x + 16);
        const __m512i m0 = _mm512_and_si512(_mm512_castps_si512(x0), magnitude);
        const __m512i m1 = _mm512_and_si512(_mm512_castps_si512(x1), magnitude);
        const __m128 two = two_largest(m0, m1), limits = _mm_setr_ps(127, PAIRED_MAX, 127, PAIRED_MAX);
        const float largest = _mm_cvtss_f32(two);

        /* value / limit, limit / value, of the largest and the second; then of that which decides. */
        const __m128 quotients = _mm_div_ps(_mm_shuffle_ps(two, limits, 0x44), _mm_shuffle_ps(limits, two, 0x44));
        const __m128 others = _mm_shuffle_ps(quotients, quotients, 0xb1);
        const __m128 decides = _mm_shuffle_ps(_mm_cmpge_ps(quotients, others), _mm_cmpge_ps(quotients, others), 0);
        const __m128 decided = _mm_blendv_ps(others, quotients, decides);
        float scale = _mm_cvtss_f32(decided), inverse = _mm_cvtss_f32(_mm_movehl_ps(decided, decided));
        if (!isfinite(largest) || isinf(inverse)) {
            store_zeros(&row, group, isfinite(largest) ? 0 : NAN);
            continue;
        }
        const __m512i all = _mm512_set1_epi32(_mm_cvtsi128_si32(_mm_castps_si128(two)));
        const uint32_t where = _mm512_cmpeq_epi32_mask(m0, all) | (uint32_t)_mm512_cmpeq_epi32_mask(m1, all) << 16;
        const int place = __builtin_ctz(where);
        scale = copysignf(scale, x[place]); /* without branches, which nobody could predict */
        inverse = copysignf(inverse, x[place]);

        const __m512 factor = _mm512_set1_ps(inverse);
        const __m128i q0 = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x0, factor)));
        const __m128i q1 = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x1, factor)));
        const __m128i most = _mm_set1_epi8(PAIRED_MAX);
        const __m128i first = _mm_min_epi8(q0, most);
        const __m128i second = _mm_add_epi8(_mm_min_epi8(q1, most), _mm_set1_epi8((char)128));
        int8_t *q = row.q + group * Q8_GROUP;
        _mm_storeu_si128((__m128i *)q, q0);
        _mm_storeu_si128((__m128i *)q + 1, q1);

        const __m128i zero = _mm_setzero_si128(), one = _mm_set1_epi8(1);
        const __m128i halves = _mm_hadd_epi32(_mm_dpbusd_epi32(zero, one, q0), _mm_dpbusd_epi32(zero, one, q1));
        const __m128i pairs = _mm_dpbusd_epi32(zero, second, first);
        const __m128i sums = _mm_hadd_epi32(halves, _mm_hadd_epi32(pairs, pairs)); /* of q0, q1, pairs, pairs */
        const int sum_0 = _mm_cvtsi128_si32(sums), sum_1 = _mm_extract_epi32(sums, 1);
        row.scale[group] = scale;
        row.sum[group] = scale * (float)(sum_0 + sum_1);
        row.halves[2 * group] = (int16_t)sum_0;
        row.halves[2 * group + 1] = (int16_t)sum_1;

        struct paired_group *paired = &row.paired[group];
        _mm_storeu_si128((__m128i *)paired->first, first);
        _mm_storeu_si128((__m128i *)paired->second, second);
        paired->scale = scale;
        paired->pairs = -_mm_extract_epi32(sums, 2);
        paired->place = place / 4;
        uint8_t rest[Q8_GROUP];
        _mm_storeu_si128((__m128i *)rest, _mm_subs_epu8(_mm_max_epi8(q0, zero), most));
        _mm_storeu_si128((__m128i *)rest + 1, _mm_subs_epu8(_mm_max_epi8(q1, zero), most));
        memcpy(paired->rest, rest + place / 4 * 4, sizeof paired->rest);
    }
}
