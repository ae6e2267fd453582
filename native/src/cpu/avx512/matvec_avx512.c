/*
 * Weight rows times one activation row, AVX-512 with VNNI, from the mapped blocks.
 *
 * Block formats with a scale for each 32 weights: two times four groups (quads.h) make 8 scales, which are multiplied
 * by those of the activations in one step; what minima and the offsets that make weights unsigned add is a product with
 * the activations' sums, in another. What a row has beyond the last 8 groups follows group by group.
 *
 * The rows of a call are read as two streams, from the two halves of its memory: one core waits less if more runs of
 * memory are on their way to it, and the processor's prefetchers follow both, which they don't with neighbouring rows
 * in the same page. Besides, two rows share what is to be done for the activations. Q8_0 is read as one: with more
 * bytes and less to compute, two threads come so close to what memory gives that more streams only disturb each other.
 */
#include "../simd/fetch.h"
#include "../x86/quads.h"

#define X(NAME, name) matvec_kernel avx512_matvec_##name;
RWKV_WEIGHT_TYPES(X)
#undef X

INLINE float sum_lanes_16(__m512 v) {
    return sum_lanes(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
}

/* ------------------------------------------------------------------ a scale for each 32 */

#define MAX_STREAMS 2

/* How far ahead of what is being read is fetched, all streams of a call together. */
#define FETCH_BYTES 9216

struct format {
    int streams;
    size_t octet_bytes; /* of 8 groups */
    unpack_quad *quad;
    enum raised raised;
    unpack_scales *scales;
    float zero;       /* value = scale * (integer of a quad - zero), or 0: it has minima */
    unpack_q *group;  /* of one group, */
    int group_offset; /* which makes its integers those of a quad that is not raised */
};

/* What the sums of the activations are multiplied by. */
INLINE __m256 minima_of(struct octet octet, const struct format format) {
    return format.zero != 0 ? _mm256_mul_ps(octet.scale, _mm256_set1_ps(-format.zero)) : octet.minimum;
}

/* From the scales of 8 groups, and sixteenths of them, those of the four sums of each group of a quad. */
INLINE __m512 quad_scales(__m512 scales, const int quad, const enum raised raised) {
    const int even = 4 * quad, odd = 4 * quad + 1 + (raised == ODD_GROUPS ? 8 : 0);
    return _mm512_permutexvar_ps(_mm512_setr_epi32(even, even, even, even, odd, odd, odd, odd, even + 2, even + 2,
                                                   even + 2, even + 2, odd + 2, odd + 2, odd + 2, odd + 2),
                                 scales);
}

/* The product of `count` < 8 groups from `first` on. */
INLINE float multiply_rest(const char *row, const void *x, size_t n, size_t first, int count,
                           const struct format format) {
    const struct octet octet = format.scales(row, first, count);
    float scale[8], minimum[8], rest = 0;
    _mm256_storeu_ps(scale, octet.scale);
    _mm256_storeu_ps(minimum, minima_of(octet, format));
    __m256 sum = _mm256_setzero_ps();
    for (int i = 0; i < count; i++) {
        const size_t g = first + (size_t)i;
        const __m256i q = _mm256_add_epi8(format.group(row, g), _mm256_set1_epi8((char)format.group_offset));
        const __m256i activations = _mm256_loadu_si256((const __m256i *)((const char *)x + g * Q8_GROUP));
        const __m256 products = _mm256_cvtepi32_ps(_mm256_dpbusd_epi32(_mm256_setzero_si256(), q, activations));
        sum = _mm256_fmadd_ps(_mm256_set1_ps(scale[i] * q8_row_scales(x, n)[g]), products, sum);
        rest += minimum[i] * q8_row_sums(x, n)[g];
    }
    return sum_lanes(sum) + rest;
}

/* The products of `count` rows that lie `stride` bytes apart, to places `y_stride` floats apart. What is `ahead` of
 * them is fetched: into the second cache, since the first one has too few lines for all streams on the way to it.
 * Several streams are asked for once more, half way to where they are read: a processor forgets what it is asked for
 * while it waits for as many lines as it can. */
INLINE void multiply_rows(float *y, size_t y_stride, const char *rows, size_t stride, const int count, size_t ahead,
                          const void *x, size_t n, const struct format format) {
    const float *x_scales = q8_row_scales(x, n), *x_sums = q8_row_sums(x, n);
    const size_t groups = n / Q8_GROUP, whole = groups - groups % 8;
    __m512 sums[MAX_STREAMS];
    __m256 minima[MAX_STREAMS];
    UNROLL
    for (int r = 0; r < count; r++) {
        sums[r] = _mm512_setzero_ps();
        minima[r] = _mm256_setzero_ps();
    }
    for (size_t g = 0; g < whole; g += 8) {
        const char *octets = rows + g / 8 * format.octet_bytes;
        const __m256 x_scale = _mm256_loadu_ps(x_scales + g), x_sum = _mm256_loadu_ps(x_sums + g);
        __m512 scales[MAX_STREAMS];
        UNROLL
        for (int r = 0; r < count; r++) {
            const char *octet_r = octets + (size_t)r * stride;
            fetch_to_cache_2(octet_r + ahead, format.octet_bytes);
            if (count > 1) fetch_to_cache_2(octet_r + FETCH_BYTES / 2 / (size_t)count, format.octet_bytes);
            const struct octet octet = format.scales(octet_r, 0, 8);
            /* of a zero, the scales are added up, and multiplied by it once */
            minima[r] = _mm256_fmadd_ps(format.zero != 0 ? octet.scale : octet.minimum, x_sum, minima[r]);
            const __m256 scale = _mm256_mul_ps(octet.scale, x_scale);
            scales[r] = _mm512_castps256_ps512(scale);
            if (format.raised == ODD_GROUPS)
                scales[r] = _mm512_insertf32x8(scales[r], _mm256_mul_ps(scale, _mm256_set1_ps(1.0f / 16)), 1);
        }
        UNROLL
        for (int q = 0; q < 2; q++) {
            const char *activations = (const char *)x + (g + 4 * (size_t)q) * Q8_GROUP;
            const __m512i x_01 = _mm512_loadu_si512(activations), x_23 = _mm512_loadu_si512(activations + 64);
            const __m512i x_first = _mm512_shuffle_i64x2(x_01, x_23, 0x88);
            const __m512i x_second = _mm512_shuffle_i64x2(x_01, x_23, 0xdd);
            /* step by step for all rows, so that none waits for what it has just begun */
            struct quad quads[MAX_STREAMS];
            __m512i products[MAX_STREAMS];
            UNROLL
            for (int r = 0; r < count; r++) quads[r] = format.quad(octets + (size_t)r * stride, 4 * (size_t)q);
            UNROLL
            for (int r = 0; r < count; r++)
                products[r] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), quads[r].first, x_first);
            UNROLL
            for (int r = 0; r < count; r++) products[r] = _mm512_dpbusd_epi32(products[r], quads[r].second, x_second);
            UNROLL
            for (int r = 0; r < count; r++)
                sums[r] =
                    _mm512_fmadd_ps(quad_scales(scales[r], q, format.raised), _mm512_cvtepi32_ps(products[r]), sums[r]);
        }
    }
    UNROLL
    for (int r = 0; r < count; r++) {
        if (format.raised == ALL) sums[r] = _mm512_mul_ps(sums[r], _mm512_set1_ps(1.0f / 16));
        if (format.zero != 0) minima[r] = _mm256_mul_ps(minima[r], _mm256_set1_ps(-format.zero));
        y[(size_t)r * y_stride] = sum_lanes_16(_mm512_add_ps(sums[r], _mm512_zextps256_ps512(minima[r])));
    }
    if (whole < groups)
        for (int r = 0; r < count; r++)
            y[(size_t)r * y_stride] +=
                multiply_rest(rows + (size_t)r * stride, x, n, whole, (int)(groups - whole), format);
}

INLINE void matvec_blocks(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n,
                          const struct format format) {
    const char *bytes = weights;
    const size_t streams = (size_t)format.streams, part = rows / streams, part_bytes = part * row_bytes;
    for (size_t r = 0; r < part; r++) {
        /* from the end of a part on, the same part of the next call: a thread mostly goes on where it has ended */
        size_t ahead = FETCH_BYTES / streams;
        if ((r + 1) * row_bytes + ahead > part_bytes) ahead += (rows - part) * row_bytes;
        multiply_rows(y + r, part, bytes + r * row_bytes, part_bytes, format.streams, ahead, x, n, format);
    }
    for (size_t r = part * streams; r < rows; r++)
        multiply_rows(y + r, 0, bytes + r * row_bytes, 0, 1, FETCH_BYTES, x, n, format);
}

#define MATVEC_BLOCKS(name, streams, blocks, ...)                                                                      \
    void avx512_matvec_##name(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n) { \
        const struct format format = {streams, (blocks) * sizeof(struct block_##name), unpack_quad_##name,             \
                                      __VA_ARGS__};                                                                    \
        matvec_blocks(y, weights, row_bytes, rows, x, n, format);                                                      \
    }

/* streams, blocks of 8 groups, and the rest of struct format */
MATVEC_BLOCKS(q8_0, 1, 8, NONE, unpack_scales_q8_0, 128, unpack_q_q8_0, 128)
MATVEC_BLOCKS(q4_0, 2, 8, ALL, permuted_scales_q4_0, 8, unpack_q_q4_0, 0)
MATVEC_BLOCKS(q4_1, 2, 8, ALL, permuted_scales_q4_1, 0, unpack_q_q4_1, 0)
MATVEC_BLOCKS(q5_0, 2, 8, NONE, unpack_scales_q5_0, 16, unpack_q_q5_0, 0)
MATVEC_BLOCKS(q5_1, 2, 8, NONE, unpack_scales_q5_1, 0, unpack_q_q5_1, 0)
MATVEC_BLOCKS(iq4_nl, 2, 8, NONE, permuted_scales_iq4_nl, 128, unpack_q_iq4_nl, 128)
MATVEC_BLOCKS(q4_k, 2, 1, ODD_GROUPS, unpack_scales_q4_k, 0, unpack_q_q4_k, 0)
MATVEC_BLOCKS(q5_k, 2, 1, NONE, unpack_scales_q5_k, 0, unpack_q_q5_k, 0)

/* ------------------------------------------------------------------ a scale for each 16 */

/* The integers of two neighbouring groups, the first of which is even, unsigned. */
typedef __m512i unpack_pair(const void *row, size_t group);

INLINE __m512i two(__m256i first, __m256i second) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
}

/* Bit j, then bit j + 1, of 32 bytes. */
INLINE __mmask64 pair_bits(const uint8_t bytes[32], size_t j) {
    const __m256i bits = _mm256_loadu_si256((const __m256i *)bytes);
    return _mm512_test_epi8_mask(two(bits, bits),
                                 two(_mm256_set1_epi8((char)(1 << j)), _mm256_set1_epi8((char)(2 << j))));
}

/* Bits 2 j and 2 j + 1, then the next two, of 32 bytes, as bits `to` and `to` + 1. */
INLINE __m512i pair_two_bits(const uint8_t bytes[32], const int j, const int to) {
    return two(two_bits(bytes, j, to), two_bits(bytes, j + 1, to));
}

INLINE __m512i unpack_pair_q2_k(const void *row, size_t group) {
    const struct block_q2_k *block = (const struct block_q2_k *)row + group / 8;
    return pair_two_bits(block->qs + group % 8 / 4 * 32, (int)(group % 4), 0);
}

INLINE __m512i unpack_pair_q3_k(const void *row, size_t group) {
    const struct block_q3_k *block = (const struct block_q3_k *)row + group / 8;
    return _mm512_or_si512(pair_two_bits(block->qs + group % 8 / 4 * 32, (int)(group % 4), 0),
                           _mm512_maskz_set1_epi8(pair_bits(block->hmask, group % 8), 4));
}

INLINE __m512i unpack_pair_q6_k(const void *row, size_t group) {
    const struct block_q6_k *block = (const struct block_q6_k *)row + group / 8;
    const size_t half = group % 8 / 4;
    /* groups 0 and 1 of a half are its lower nibbles, 2 and 3 the upper ones */
    __m512i low = _mm512_loadu_si512(block->ql + 64 * half);
    if (group % 4) low = _mm512_srli_epi16(low, 4);
    return _mm512_or_si512(_mm512_and_si512(low, _mm512_set1_epi8(15)),
                           pair_two_bits(block->qh + 32 * half, (int)(group % 4), 4));
}

/* A scale for each 16 weights: four sums for each; minima meet the sums of half groups. */
INLINE void matvec_sixteens(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n,
                            const size_t octet_bytes, unpack_pair unpack, unpack_sixteen scales_of) {
    const float *x_scales = q8_row_scales(x, n);
    const int16_t *x_halves = q8_row_halves(x, n);
    const __m512i lanes = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    for (size_t r = 0; r < rows; r++) {
        const char *row = (const char *)weights + r * row_bytes;
        __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
        __m256 minimum = _mm256_setzero_ps();
        for (size_t group = 0; group < n / Q8_GROUP; group += 8) {
            const struct sixteen sixteen = scales_of(row, group);
            fetch_ahead(row + group / 8 * octet_bytes, octet_bytes);
            const __m256 x_scale = _mm256_loadu_ps(x_scales + group);
            const __m512 d = _mm512_castps256_ps512(_mm256_mul_ps(_mm256_set1_ps(sixteen.d), x_scale));
            const __m512 d_twice =
                _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7), d);
            const __m512 scales = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(sixteen.scale)), d_twice);
            const __m256i halves = _mm256_loadu_si256((const __m256i *)(x_halves + 2 * group));
            const __m256 minima = _mm256_cvtepi32_ps(_mm256_madd_epi16(sixteen.minimum, halves));
            minimum = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_set1_ps(sixteen.m), x_scale), minima, minimum);
            UNROLL
            for (int pair = 0; pair < 4; pair++) {
                const size_t at = group + 2 * (size_t)pair;
                const __m512i activations = _mm512_loadu_si512((const char *)x + at * Q8_GROUP);
                const __m512 products =
                    _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_setzero_si512(), unpack(row, at), activations));
                const __m512 scale =
                    _mm512_permutexvar_ps(_mm512_add_epi32(lanes, _mm512_set1_epi32(4 * pair)), scales);
                if (pair % 2 == 0)
                    even = _mm512_fmadd_ps(scale, products, even);
                else
                    odd = _mm512_fmadd_ps(scale, products, odd);
            }
        }
        y[r] = sum_lanes_16(_mm512_add_ps(_mm512_add_ps(even, odd), _mm512_zextps256_ps512(minimum)));
    }
}

#define MATVEC_SIXTEENS(name)                                                                                          \
    void avx512_matvec_##name(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n) { \
        matvec_sixteens(y, weights, row_bytes, rows, x, n, sizeof(struct block_##name), unpack_pair_##name,            \
                        unpack_sixteen_##name);                                                                        \
    }

MATVEC_SIXTEENS(q2_k)
MATVEC_SIXTEENS(q3_k)
MATVEC_SIXTEENS(q6_k)

/* ------------------------------------------------------------------ floats */

typedef __m512 load_16(const char *p, __mmask16 mask);

INLINE __m512 load_16_f32(const char *p, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, p); }

INLINE __m512 load_16_f16(const char *p, __mmask16 mask) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p)); }

INLINE __m512 load_16_bf16(const char *p, __mmask16 mask) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p)), 16));
}

/* Four sums of 16 lanes. */
INLINE void matvec_floats(float *y, const void *weights, size_t row_bytes, size_t rows, const float *x, size_t n,
                          size_t element_bytes, load_16 load) {
    for (size_t r = 0; r < rows; r++) {
        const char *row = (const char *)weights + r * row_bytes;
        __m512 sum[4];
        UNROLL
        for (int i = 0; i < 4; i++) sum[i] = _mm512_setzero_ps();
        size_t k = 0;
        for (; k + 64 <= n; k += 64) {
            UNROLL
            for (size_t i = 0; i < 4; i++)
                sum[i] = _mm512_fmadd_ps(load(row + (k + 16 * i) * element_bytes, 0xffff),
                                         _mm512_loadu_ps(x + k + 16 * i), sum[i]);
        }
        for (; k < n; k += 16) {
            const __mmask16 mask = n - k < 16 ? (__mmask16)((1u << (n - k)) - 1) : 0xffff;
            sum[0] = _mm512_fmadd_ps(load(row + k * element_bytes, mask), _mm512_maskz_loadu_ps(mask, x + k), sum[0]);
        }
        y[r] = sum_lanes_16(_mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3])));
    }
}

#define MATVEC_FLOATS(name, element_bytes)                                                                             \
    void avx512_matvec_##name(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n) { \
        matvec_floats(y, weights, row_bytes, rows, x, n, element_bytes, load_16_##name);                               \
    }

MATVEC_FLOATS(f32, 4)
MATVEC_FLOATS(f16, 2)
MATVEC_FLOATS(bf16, 2)
