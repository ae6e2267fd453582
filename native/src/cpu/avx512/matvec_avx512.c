/*
 * Weight rows times one activation row, AVX-512 with VNNI, from the mapped blocks.
 *
 * Block formats: an octet of 8 groups at a time, as pairs: two groups fill a register, and one vpdpbusd makes 8 sums of
 * each. The 8 scales of the octet are multiplied by those of the activations in one step; what has to be added for
 * minima and for offsets, which make weights unsigned, is a product with the activations' sums, in another. Rows that
 * end within an octet do the rest group by group.
 */
#include "../x86/fetch.h"
#include "../x86/lanes.h"

#include "../simd/unpack.h"

#define X(NAME, name) matvec_kernel avx512_matvec_##name;
RWKV_WEIGHT_TYPES(X)
#undef X

INLINE float sum_lanes_16(__m512 v) {
    return sum_lanes(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
}

/* ------------------------------------------------------------------ two groups */

/* The integers of two neighbouring groups, the first of which is even, unsigned. */
typedef __m512i unpack_pair(const void *row, size_t group);

INLINE __m512i two(__m256i first, __m256i second) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
}

/* first, first, second, second: 16 bytes each */
INLINE __m512i twice_each(const uint8_t *first, const uint8_t *second) {
    return two(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)first)),
               _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)second)));
}

/* 16 bytes into 32: the lower nibbles, then the upper ones. */
INLINE __m512i pair_nibbles(const uint8_t *first, const uint8_t *second) {
    const __m512i shifts =
        _mm512_setr_epi64(0, 0, 0x4000400040004, 0x4000400040004, 0, 0, 0x4000400040004, 0x4000400040004);
    return _mm512_and_si512(_mm512_srlv_epi16(twice_each(first, second), shifts), _mm512_set1_epi8(15));
}

/* The same with the upper ones where they are, 16 times as large: see UPPER_HALVES. */
INLINE __m512i pair_nibbles_in_place(const uint8_t *first, const uint8_t *second) {
    const int64_t low = 0x0f0f0f0f0f0f0f0f, high = ~low;
    return _mm512_and_si512(twice_each(first, second), _mm512_setr_epi64(low, low, high, high, low, low, high, high));
}

INLINE __m512i pair_fifth_bits(const uint8_t *first, const uint8_t *second) {
    const uint64_t bits = load_u32(first) | (uint64_t)load_u32(second) << 32;
    return _mm512_maskz_set1_epi8((__mmask64)bits, 16);
}

INLINE __m512i unpack_pair_q8_0(const void *row, size_t group) {
    return _mm512_xor_si512(two(unpack_q_q8_0(row, group), unpack_q_q8_0(row, group + 1)),
                            _mm512_set1_epi8((char)-128)); /* + 128 */
}

INLINE __m512i unpack_pair_iq4_nl(const void *row, size_t group) {
    const struct block_iq4_nl *block = (const struct block_iq4_nl *)row + group;
    const __m128i values = _mm_loadu_si128((const __m128i *)iq4_nl_values);
    const __m512i unsigned_values =
        _mm512_broadcast_i32x4(_mm_xor_si128(values, _mm_set1_epi8((char)-128))); /* + 128 */
    return _mm512_shuffle_epi8(unsigned_values, pair_nibbles(block[0].qs, block[1].qs));
}

INLINE __m512i unpack_pair_q4_0(const void *row, size_t group) {
    const struct block_q4_0 *block = (const struct block_q4_0 *)row + group;
    return pair_nibbles_in_place(block[0].qs, block[1].qs);
}

INLINE __m512i unpack_pair_q4_1(const void *row, size_t group) {
    const struct block_q4_1 *block = (const struct block_q4_1 *)row + group;
    return pair_nibbles_in_place(block[0].qs, block[1].qs);
}

INLINE __m512i unpack_pair_q5_0(const void *row, size_t group) {
    const struct block_q5_0 *block = (const struct block_q5_0 *)row + group;
    return _mm512_or_si512(pair_nibbles(block[0].qs, block[1].qs), pair_fifth_bits(block[0].qh, block[1].qh));
}

INLINE __m512i unpack_pair_q5_1(const void *row, size_t group) {
    const struct block_q5_1 *block = (const struct block_q5_1 *)row + group;
    return _mm512_or_si512(pair_nibbles(block[0].qs, block[1].qs), pair_fifth_bits(block[0].qh, block[1].qh));
}

INLINE __m512i pair_half_nibbles(const uint8_t qs[32]) {
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)qs);
    return _mm512_and_si512(two(bytes, _mm256_srli_epi16(bytes, 4)), _mm512_set1_epi8(15));
}

INLINE __m512i unpack_pair_q4_k(const void *row, size_t group) {
    const struct block_q4_k *block = (const struct block_q4_k *)row + group / 8;
    const __m512i both = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(block->qs + group % 8 / 2 * 32)));
    const int64_t low = 0x0f0f0f0f0f0f0f0f, high = ~low;
    return _mm512_and_si512(both, _mm512_setr_epi64(low, low, low, low, high, high, high, high));
}

/* Bit j, then bit j + 1, of 32 bytes. */
INLINE __mmask64 pair_bits(const uint8_t bytes[32], size_t j) {
    const __m256i bits = _mm256_loadu_si256((const __m256i *)bytes);
    return _mm512_test_epi8_mask(two(bits, bits),
                                 two(_mm256_set1_epi8((char)(1 << j)), _mm256_set1_epi8((char)(2 << j))));
}

INLINE __m512i unpack_pair_q5_k(const void *row, size_t group) {
    const struct block_q5_k *block = (const struct block_q5_k *)row + group / 8;
    return _mm512_or_si512(pair_half_nibbles(block->qs + group % 8 / 2 * 32),
                           _mm512_maskz_set1_epi8(pair_bits(block->qh, group % 8), 16));
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

/* What value = scale * (q - zero) makes of q: a minimum of -zero * scale. */
INLINE struct octet scales_with_zero(struct octet octet, float zero) {
    return (struct octet){octet.scale, _mm256_mul_ps(octet.scale, _mm256_set1_ps(-zero))};
}

INLINE struct octet unsigned_scales_q8_0(const void *row, size_t group, int count) {
    return scales_with_zero(unpack_scales_q8_0(row, group, count), 128);
}

/* The float16 with which each of 8 blocks of 18 bytes begins, the last of them at byte 126. One permutation of two
 * registers: to gather them one by one would cost as much as two of the four products that they are for. */
INLINE __m256 scales_of_18(const void *blocks) {
    const __m512i words = _mm512_castsi128_si512(_mm_setr_epi16(0, 9, 18, 27, 36, 45, 54, 63));
    const __m512i first = _mm512_loadu_si512(blocks), second = _mm512_loadu_si512((const char *)blocks + 64);
    return _mm256_cvtph_ps(_mm512_castsi512_si128(_mm512_permutex2var_epi16(first, words, second)));
}

INLINE struct octet permuted_scales_q4_0(const void *row, size_t group, int count) {
    if (count < 8) return unpack_scales_q4_0(row, group, count);
    return scales_with_zero((struct octet){.scale = scales_of_18((const struct block_q4_0 *)row + group)}, 8);
}

INLINE struct octet permuted_scales_iq4_nl(const void *row, size_t group, int count) {
    if (count < 8) return scales_with_zero(unpack_scales_iq4_nl(row, group, count), 128);
    return scales_with_zero((struct octet){.scale = scales_of_18((const struct block_iq4_nl *)row + group)}, 128);
}

/* ------------------------------------------------------------------ block formats */

struct sums {
    __m512 even, odd;
    __m256 minima;
};

/* Where the integers of a pair are 16 times as large as they should be. */
enum sixteenfold { NOWHERE, UPPER_HALVES, SECOND_GROUPS };

/* From the scales of an octet and sixteenths of them those of the sums of a pair: each of its groups has 8. */
INLINE __m512 pair_scales(__m512 scales, const int pair, const enum sixteenfold where) {
    const int first = 2 * pair, second = 2 * pair + 1;
    const int first_upper = where == UPPER_HALVES ? first + 8 : first;
    const int second_lower = where == SECOND_GROUPS ? second + 8 : second;
    const int second_upper = where == NOWHERE ? second : second + 8;
    const __m512i index = _mm512_setr_epi32(first, first, first, first, first_upper, first_upper, first_upper,
                                            first_upper, second_lower, second_lower, second_lower, second_lower,
                                            second_upper, second_upper, second_upper, second_upper);
    return _mm512_permutexvar_ps(index, scales);
}

INLINE void matvec_blocks(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n,
                          const size_t octet_bytes, unpack_pair unpack, const enum sixteenfold where,
                          unpack_q unpack_one, const int one_offset, unpack_scales scales_of) {
    const float *x_scales = q8_row_scales(x, n), *x_sums = q8_row_sums(x, n);
    const size_t groups = n / Q8_GROUP;
    for (size_t r = 0; r < rows; r++) {
        const char *row = (const char *)weights + r * row_bytes;
        struct sums sums = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm256_setzero_ps()};
        size_t g = 0;
        for (; g + 8 <= groups; g += 8) {
            const struct octet octet = scales_of(row, g, 8);
            const __m256 scale_8 = _mm256_mul_ps(octet.scale, _mm256_loadu_ps(x_scales + g));
            __m512 scales = _mm512_castps256_ps512(scale_8);
            if (where != NOWHERE)
                scales = _mm512_insertf32x8(scales, _mm256_mul_ps(scale_8, _mm256_set1_ps(1.0f / 16)), 1);
            sums.minima = _mm256_fmadd_ps(octet.minimum, _mm256_loadu_ps(x_sums + g), sums.minima);
            fetch_ahead(row + g / 8 * octet_bytes, octet_bytes);
            UNROLL
            for (int pair = 0; pair < 4; pair++) {
                const size_t at = g + 2 * (size_t)pair;
                const __m512i activations = _mm512_loadu_si512((const char *)x + at * Q8_GROUP);
                const __m512i products = _mm512_dpbusd_epi32(_mm512_setzero_si512(), unpack(row, at), activations);
                const __m512 scale = pair_scales(scales, pair, where);
                if (pair % 2 == 0)
                    sums.even = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(products), sums.even);
                else
                    sums.odd = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(products), sums.odd);
            }
        }
        __m512 sum = _mm512_add_ps(sums.even, sums.odd);
        __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sum), _mm512_extractf32x8_ps(sum, 1));
        if (g < groups) {
            const int count = (int)(groups - g);
            const struct octet octet = scales_of(row, g, count);
            float scale[8], minimum[8];
            _mm256_storeu_ps(scale, octet.scale);
            _mm256_storeu_ps(minimum, octet.minimum);
            float rest = 0;
            for (int i = 0; i < count; i++, g++) {
                const __m256i q = _mm256_add_epi8(unpack_one(row, g), _mm256_set1_epi8((char)one_offset));
                const __m256i activations = _mm256_loadu_si256((const __m256i *)((const char *)x + g * Q8_GROUP));
                const __m256 products = _mm256_cvtepi32_ps(_mm256_dpbusd_epi32(_mm256_setzero_si256(), q, activations));
                eight = _mm256_fmadd_ps(_mm256_set1_ps(scale[i] * x_scales[g]), products, eight);
                rest += minimum[i] * x_sums[g];
            }
            y[r] = sum_lanes(_mm256_add_ps(eight, sums.minima)) + rest;
        } else {
            y[r] = sum_lanes(_mm256_add_ps(eight, sums.minima));
        }
    }
}

#define MATVEC_BLOCKS(name, blocks, where, one_offset, scales_of)                                                      \
    void avx512_matvec_##name(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n) { \
        matvec_blocks(y, weights, row_bytes, rows, x, n, (blocks) * sizeof(struct block_##name), unpack_pair_##name,   \
                      where, unpack_q_##name, one_offset, scales_of);                                                  \
    }

MATVEC_BLOCKS(q8_0, 8, NOWHERE, 128, unsigned_scales_q8_0)
MATVEC_BLOCKS(q4_0, 8, UPPER_HALVES, 0, permuted_scales_q4_0)
MATVEC_BLOCKS(q4_1, 8, UPPER_HALVES, 0, unpack_scales_q4_1)
MATVEC_BLOCKS(q5_0, 8, NOWHERE, 0, unpack_scales_q5_0)
MATVEC_BLOCKS(q5_1, 8, NOWHERE, 0, unpack_scales_q5_1)
MATVEC_BLOCKS(iq4_nl, 8, NOWHERE, 128, permuted_scales_iq4_nl)
MATVEC_BLOCKS(q4_k, 1, SECOND_GROUPS, 0, unpack_scales_q4_k)
MATVEC_BLOCKS(q5_k, 1, NOWHERE, 0, unpack_scales_q5_k)

/* A scale for each 16 weights: four sums for each; minima meet the sums of half groups. */
INLINE void matvec_sixteens(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n,
                            const size_t octet_bytes, unpack_pair unpack, unpack_sixteen scales_of) {
    const float *x_scales = q8_row_scales(x, n);
    const int16_t *x_halves = q8_row_halves(x, n);
    const __m512i lanes = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    for (size_t r = 0; r < rows; r++) {
        const char *row = (const char *)weights + r * row_bytes;
        struct sums sums = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm256_setzero_ps()};
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
            sums.minima = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_set1_ps(sixteen.m), x_scale), minima, sums.minima);
            UNROLL
            for (int pair = 0; pair < 4; pair++) {
                const size_t at = group + 2 * (size_t)pair;
                const __m512i activations = _mm512_loadu_si512((const char *)x + at * Q8_GROUP);
                const __m512 products =
                    _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_setzero_si512(), unpack(row, at), activations));
                const __m512 scale =
                    _mm512_permutexvar_ps(_mm512_add_epi32(lanes, _mm512_set1_epi32(4 * pair)), scales);
                if (pair % 2 == 0)
                    sums.even = _mm512_fmadd_ps(scale, products, sums.even);
                else
                    sums.odd = _mm512_fmadd_ps(scale, products, sums.odd);
            }
        }
        y[r] = sum_lanes_16(_mm512_add_ps(_mm512_add_ps(sums.even, sums.odd), _mm512_zextps256_ps512(sums.minima)));
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
