/*
 * The vector kernels with AVX2 and FMA. Built with -mavx2 -mfma -ffp-contract=off.
 */
#include "../kernels.h"
#include "simd.h"

#include <math.h>

#define KERNEL(name) avx2_##name
#include "../vector_kernels.inc"

/*
 * Bit for bit what the scalar kernel gives. Absolute values are compared as integers: in this order of all floats,
 * infinity and NaN are the greatest.
 */
void avx2_quantise_q8(void *row, const float *x, size_t n, size_t first, size_t count) {
    int8_t *q = (int8_t *)row + first;
    float *scale = (float *)((char *)row + n);
    float *sum = scale + n / Q8_GROUP;
    int16_t *halves = (int16_t *)(sum + n / Q8_GROUP);
    const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
    const __m256i order_after_pack = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);

    x += first;
    for (size_t group = first / Q8_GROUP; group < (first + count) / Q8_GROUP; group++, q += Q8_GROUP, x += Q8_GROUP) {
        __m256 x0 = _mm256_loadu_ps(x), x1 = _mm256_loadu_ps(x + 8);
        __m256 x2 = _mm256_loadu_ps(x + 16), x3 = _mm256_loadu_ps(x + 24);

        __m256i m0 = _mm256_and_si256(_mm256_castps_si256(x0), magnitude);
        __m256i m1 = _mm256_and_si256(_mm256_castps_si256(x1), magnitude);
        __m256i m2 = _mm256_and_si256(_mm256_castps_si256(x2), magnitude);
        __m256i m3 = _mm256_and_si256(_mm256_castps_si256(x3), magnitude);
        __m256i m = _mm256_max_epi32(_mm256_max_epi32(m0, m1), _mm256_max_epi32(m2, m3));
        __m128i m4 = _mm_max_epi32(_mm256_castsi256_si128(m), _mm256_extracti128_si256(m, 1));
        m4 = _mm_max_epi32(m4, _mm_unpackhi_epi64(m4, m4));
        m4 = _mm_max_epi32(m4, _mm_shuffle_epi32(m4, 1));
        float max = _mm_cvtss_f32(_mm_castsi128_ps(m4));

        float inverse = 127 / max;
        if (!isfinite(max) || isinf(inverse)) {
            _mm256_storeu_si256((__m256i *)q, _mm256_setzero_si256());
            scale[group] = sum[group] = isfinite(max) ? 0 : NAN;
            halves[2 * group] = halves[2 * group + 1] = 0;
            continue;
        }

        __m256 factor = _mm256_set1_ps(inverse);
        __m256i q0 = _mm256_cvtps_epi32(_mm256_mul_ps(x0, factor));
        __m256i q1 = _mm256_cvtps_epi32(_mm256_mul_ps(x1, factor));
        __m256i q2 = _mm256_cvtps_epi32(_mm256_mul_ps(x2, factor));
        __m256i q3 = _mm256_cvtps_epi32(_mm256_mul_ps(x3, factor));

        /* Packing works in halves of 128 bits and leaves the groups of four in the order 0 2 4 6 1 3 5 7. */
        __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(q0, q1), _mm256_packs_epi32(q2, q3));
        _mm256_storeu_si256((__m256i *)q, _mm256_permutevar8x32_epi32(bytes, order_after_pack));

        /* Lanes 0 and 1: pairs of the first half, 2 and 3: of the second. */
        __m256i t0 = _mm256_add_epi32(q0, q1), t1 = _mm256_add_epi32(q2, q3);
        __m128i f0 = _mm_add_epi32(_mm256_castsi256_si128(t0), _mm256_extracti128_si256(t0, 1));
        __m128i f1 = _mm_add_epi32(_mm256_castsi256_si128(t1), _mm256_extracti128_si256(t1, 1));
        __m128i pairs = _mm_hadd_epi32(f0, f1);
        __m128i sums = _mm_hadd_epi32(pairs, pairs);
        int lower = _mm_cvtsi128_si32(sums), upper = _mm_extract_epi32(sums, 1);

        scale[group] = max / 127;
        sum[group] = scale[group] * (float)(lower + upper);
        halves[2 * group] = (int16_t)lower;
        halves[2 * group + 1] = (int16_t)upper;
    }
}
