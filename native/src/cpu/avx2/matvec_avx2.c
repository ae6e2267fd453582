/*
 * Weight rows times one activation row, AVX2, from the mapped blocks.
 *
 * Block formats: an octet of 8 groups at a time, whose 8 scales are multiplied by those of the activations in one
 * step; the minima meet the activations' sums in another. Each group then costs its unpacking, an integer dot product
 * in 8 lanes and one multiply-add with its scale. Rows that end within an octet do the rest group by group.
 */
#include "../x86/fetch.h"
#include "../x86/lanes.h"

#include "../simd/unpack.h"

#define X(NAME, name) matvec_kernel avx2_matvec_##name;
RWKV_WEIGHT_TYPES(X)
#undef X

/* ------------------------------------------------------------------ block formats */

typedef __m256i dot_group(__m256i w, __m256i x);

/* Weights in 0..31. */
INLINE __m256i dot_unsigned(__m256i w, __m256i x) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1));
}

/* Weights in -128..127: their magnitude times activations that have been given their sign. 2 * 128 * 127 fits 16 bits.
 */
INLINE __m256i dot_signed(__m256i w, __m256i x) { return dot_unsigned(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)); }

struct sums {
    __m256 even, odd, minima;
};

INLINE struct sums add_octet(struct sums sums, const void *row, size_t group, int count, const int8_t *x,
                             const float *x_scales, const float *x_sums, unpack_q unpack, unpack_scales scales_of,
                             dot_group dot) {
    const struct octet octet = scales_of(row, group, count);
    float scales[8];
    if (count == 8) {
        _mm256_storeu_ps(scales, _mm256_mul_ps(octet.scale, _mm256_loadu_ps(x_scales + group)));
        sums.minima = _mm256_fmadd_ps(octet.minimum, _mm256_loadu_ps(x_sums + group), sums.minima);
    } else {
        float some_scales[8] = {0}, some_sums[8] = {0};
        memcpy(some_scales, x_scales + group, (size_t)count * sizeof(float));
        memcpy(some_sums, x_sums + group, (size_t)count * sizeof(float));
        _mm256_storeu_ps(scales, _mm256_mul_ps(octet.scale, _mm256_loadu_ps(some_scales)));
        sums.minima = _mm256_fmadd_ps(octet.minimum, _mm256_loadu_ps(some_sums), sums.minima);
    }
    UNROLL
    for (int i = 0; i < count; i++) {
        const size_t g = group + (size_t)i;
        const __m256i activations = _mm256_loadu_si256((const __m256i *)(x + g * Q8_GROUP));
        const __m256 products = _mm256_cvtepi32_ps(dot(unpack(row, g), activations));
        const __m256 scale = _mm256_set1_ps(scales[i]);
        if (i % 2 == 0)
            sums.even = _mm256_fmadd_ps(scale, products, sums.even);
        else
            sums.odd = _mm256_fmadd_ps(scale, products, sums.odd);
    }
    return sums;
}

INLINE void matvec_blocks(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n,
                          const size_t octet_bytes, unpack_q unpack, unpack_scales scales_of, dot_group dot) {
    const float *x_scales = q8_row_scales(x, n), *x_sums = q8_row_sums(x, n);
    const size_t groups = n / Q8_GROUP;
    for (size_t r = 0; r < rows; r++) {
        const char *row = (const char *)weights + r * row_bytes;
        struct sums sums = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        size_t g = 0;
        for (; g + 8 <= groups; g += 8) {
            fetch_ahead(row + g / 8 * octet_bytes, octet_bytes);
            sums = add_octet(sums, row, g, 8, x, x_scales, x_sums, unpack, scales_of, dot);
        }
        if (g < groups) sums = add_octet(sums, row, g, (int)(groups - g), x, x_scales, x_sums, unpack, scales_of, dot);
        y[r] = sum_lanes(_mm256_add_ps(_mm256_add_ps(sums.even, sums.odd), sums.minima));
    }
}

#define MATVEC_BLOCKS(name, blocks, dot)                                                                               \
    void avx2_matvec_##name(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n) {   \
        matvec_blocks(y, weights, row_bytes, rows, x, n, (blocks) * sizeof(struct block_##name), unpack_q_##name,      \
                      unpack_scales_##name, dot);                                                                      \
    }

MATVEC_BLOCKS(q8_0, 8, dot_signed)
MATVEC_BLOCKS(q4_0, 8, dot_unsigned)
MATVEC_BLOCKS(q4_1, 8, dot_unsigned)
MATVEC_BLOCKS(q5_0, 8, dot_unsigned)
MATVEC_BLOCKS(q5_1, 8, dot_unsigned)
MATVEC_BLOCKS(iq4_nl, 8, dot_signed)
MATVEC_BLOCKS(q4_k, 1, dot_unsigned)
MATVEC_BLOCKS(q5_k, 1, dot_unsigned)

/* A scale for each 16 weights, unsigned: the scales, integers of 8 bits, take the place of the ones in the dot product:
 * lanes 0..3 of the products are elements 0..15, lanes 4..7 the others. Minima meet the sums of half groups. */
INLINE void matvec_sixteens(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n,
                            const size_t octet_bytes, unpack_q unpack, unpack_sixteen scales_of) {
    const int8_t *q = x;
    const float *x_scales = q8_row_scales(x, n);
    const int16_t *x_halves = q8_row_halves(x, n);
    for (size_t r = 0; r < rows; r++) {
        const char *row = (const char *)weights + r * row_bytes;
        struct sums sums = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        for (size_t group = 0; group < n / Q8_GROUP; group += 8) {
            const struct sixteen sixteen = scales_of(row, group);
            fetch_ahead(row + group / 8 * octet_bytes, octet_bytes);
            const __m256 d = _mm256_loadu_ps(x_scales + group);
            float scales[8];
            _mm256_storeu_ps(scales, _mm256_mul_ps(_mm256_set1_ps(sixteen.d), d));
            const __m256i halves = _mm256_loadu_si256((const __m256i *)(x_halves + 2 * group));
            const __m256 minima = _mm256_cvtepi32_ps(_mm256_madd_epi16(sixteen.minimum, halves));
            sums.minima = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_set1_ps(sixteen.m), d), minima, sums.minima);
            UNROLL
            for (size_t i = 0; i < 8; i++) {
                const __m256i activations = _mm256_loadu_si256((const __m256i *)(q + (group + i) * Q8_GROUP));
                const __m256i pairs = _mm256_maddubs_epi16(unpack(row, group + i), activations);
                /* the two scales of the group, 8 times each */
                const __m256i two = _mm256_permutevar8x32_epi32(sixteen.scale, _mm256_set1_epi32((int)i));
                const __m256i spread =
                    _mm256_shuffle_epi8(two, _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, /**/
                                                              2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3));
                const __m256 products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, spread));
                const __m256 scale = _mm256_set1_ps(scales[i]);
                if (i % 2 == 0)
                    sums.even = _mm256_fmadd_ps(scale, products, sums.even);
                else
                    sums.odd = _mm256_fmadd_ps(scale, products, sums.odd);
            }
        }
        y[r] = sum_lanes(_mm256_add_ps(_mm256_add_ps(sums.even, sums.odd), sums.minima));
    }
}

#define MATVEC_SIXTEENS(name)                                                                                          \
    void avx2_matvec_##name(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n) {   \
        matvec_sixteens(y, weights, row_bytes, rows, x, n, sizeof(struct block_##name), unpack_q_##name,               \
                        unpack_sixteen_##name);                                                                        \
    }

MATVEC_SIXTEENS(q2_k)
MATVEC_SIXTEENS(q3_k)
MATVEC_SIXTEENS(q6_k)

/* ------------------------------------------------------------------ floats */

/* Four sums of 8 lanes; what remains after whole vectors is filled up with zeros. */
INLINE void matvec_floats(float *y, const void *weights, size_t row_bytes, size_t rows, const float *x, size_t n,
                          size_t element_bytes, load_8 load) {
    const size_t whole = n - n % 8, rest = n % 8;
    float x_rest[8] = {0};
    memcpy(x_rest, x + whole, rest * sizeof *x);
    for (size_t r = 0; r < rows; r++) {
        const char *row = (const char *)weights + r * row_bytes;
        __m256 sum[4];
        UNROLL
        for (int i = 0; i < 4; i++) sum[i] = _mm256_setzero_ps();
        size_t k = 0;
        for (; k + 32 <= n; k += 32) {
            UNROLL
            for (size_t i = 0; i < 4; i++)
                sum[i] =
                    _mm256_fmadd_ps(load(row + (k + 8 * i) * element_bytes), _mm256_loadu_ps(x + k + 8 * i), sum[i]);
        }
        for (; k < whole; k += 8)
            sum[0] = _mm256_fmadd_ps(load(row + k * element_bytes), _mm256_loadu_ps(x + k), sum[0]);
        if (rest) {
            const __m256 w = load_some(row + whole * element_bytes, rest, element_bytes, load);
            sum[1] = _mm256_fmadd_ps(w, _mm256_loadu_ps(x_rest), sum[1]);
        }
        y[r] = sum_lanes(_mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));
    }
}

#define MATVEC_FLOATS(name, element_bytes)                                                                             \
    void avx2_matvec_##name(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n) {   \
        matvec_floats(y, weights, row_bytes, rows, x, n, element_bytes, load_8_##name);                                \
    }

MATVEC_FLOATS(f32, 4)
MATVEC_FLOATS(f16, 2)
MATVEC_FLOATS(bf16, 2)
