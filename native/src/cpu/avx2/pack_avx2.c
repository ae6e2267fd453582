/*
 * From blocks to panels (panels_avx2.h), AVX2: 8 rows at a time, each of which fills its registers, and a transposition
 * brings the same columns of all rows together.
 */
#include <stdbool.h>

#include "panels_avx2.h"
#include "unpack_avx2.h"

#define X(NAME, name) pack_kernel avx2_pack_##name;
RWKV_WEIGHT_TYPES(X)
#undef X

size_t avx2_panel_bytes(enum panel panel, size_t n) {
    switch (panel) {
    case PANEL_F32: return n * sizeof(struct f32_column);
    case PANEL_U5: return n / Q8_GROUP * sizeof(struct u5_group);
    case PANEL_S6: return n / Q8_GROUP * sizeof(struct s6_group);
    case PANEL_S8: return n / Q8_GROUP * sizeof(struct s8_group);
    case PANEL_COUNT: break;
    }
    return 0;
}

/* The 8 rows from `first` on, or NULL for those that the panel lacks. */
struct eight_rows {
    const char *row[8];
};

INLINE struct eight_rows rows_from(const void *weights, size_t row_bytes, size_t rows, size_t first) {
    struct eight_rows eight;
    for (size_t r = 0; r < 8; r++)
        eight.row[r] = first + r < rows ? (const char *)weights + (first + r) * row_bytes : NULL;
    return eight;
}

/* Rows become columns: v[i] lane j and v[j] lane i change places. */
INLINE void transpose(__m256 v[8]) {
    __m256 pairs[8], fours[8];
    UNROLL
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) {
        fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
        fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
        fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
        fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
    }
}

/* One group of 8 rows as the columns of a panel's q, from row `first` of the panel on. */
INLINE void pack_q(char *q, size_t first, const struct eight_rows *eight, size_t group, unpack_q unpack) {
    __m256 v[8];
    UNROLL
    for (int r = 0; r < 8; r++)
        v[r] = _mm256_castsi256_ps(eight->row[r] ? unpack(eight->row[r], group) : _mm256_setzero_si256());
    transpose(v);
    UNROLL
    for (size_t k = 0; k < 8; k++) _mm256_storeu_ps((float *)(q + (k * PANEL_ROWS + first) * 4), v[k]);
}

/* ------------------------------------------------------------------ U5, S8 */

/* Both kinds of groups begin with q and scale; U5 goes on with minimum. */
_Static_assert(offsetof(struct u5_group, scale) == offsetof(struct s8_group, scale), "one function packs both");

INLINE void pack_groups(char *panel, size_t group_bytes, bool has_minimum, const void *weights, size_t row_bytes,
                        size_t rows, size_t n, unpack_q unpack, unpack_scales scales_of) {
    for (size_t first = 0; first < PANEL_ROWS; first += 8) {
        const struct eight_rows eight = rows_from(weights, row_bytes, rows, first);
        for (size_t g = 0; g < n / Q8_GROUP; g += 8) {
            const size_t left = n / Q8_GROUP - g;
            const int count = left < 8 ? (int)left : 8;
            __m256 scale[8], minimum[8];
            UNROLL
            for (int r = 0; r < 8; r++) {
                struct octet octet = {_mm256_setzero_ps(), _mm256_setzero_ps()};
                if (eight.row[r])
                    octet = count == 8 ? scales_of(eight.row[r], g, 8) : scales_of(eight.row[r], g, count);
                scale[r] = octet.scale;
                minimum[r] = octet.minimum;
            }
            transpose(scale);
            transpose(minimum);
            for (int i = 0; i < count; i++) {
                char *group = panel + (g + (size_t)i) * group_bytes;
                pack_q(group, first, &eight, g + (size_t)i, unpack);
                _mm256_storeu_ps((float *)(group + offsetof(struct u5_group, scale)) + first, scale[i]);
                if (has_minimum)
                    _mm256_storeu_ps((float *)(group + offsetof(struct u5_group, minimum)) + first, minimum[i]);
            }
        }
    }
}

#define PACK_U5(name)                                                                                                  \
    void avx2_pack_##name(void *panel, const void *weights, size_t row_bytes, size_t rows, size_t n) {                 \
        pack_groups(panel, sizeof(struct u5_group), true, weights, row_bytes, rows, n, unpack_q_##name,                \
                    unpack_scales_##name);                                                                             \
    }

PACK_U5(q4_0)
PACK_U5(q4_1)
PACK_U5(q5_0)
PACK_U5(q5_1)
PACK_U5(q4_k)
PACK_U5(q5_k)

void avx2_pack_q8_0(void *panel, const void *weights, size_t row_bytes, size_t rows, size_t n) {
    pack_groups(panel, sizeof(struct s8_group), false, weights, row_bytes, rows, n, unpack_q_q8_0, unpack_scales_q8_0);
}

/* ------------------------------------------------------------------ S6 */

void avx2_pack_q6_k(void *panel, const void *weights, size_t row_bytes, size_t rows, size_t n) {
    struct s6_group *groups = panel;
    for (size_t first = 0; first < PANEL_ROWS; first += 8) {
        const struct eight_rows eight = rows_from(weights, row_bytes, rows, first);
        for (size_t g = 0; g < n / Q8_GROUP; g += 8) {
            for (size_t half = 0; half < 2; half++) { /* 8 scales, those of 4 groups */
                __m256 scale[8];
                UNROLL
                for (int r = 0; r < 8; r++) {
                    scale[r] = _mm256_setzero_ps();
                    if (eight.row[r]) {
                        const struct block_q6_k *block = (const struct block_q6_k *)eight.row[r] + g / 8;
                        const __m128i bytes = _mm_loadl_epi64((const __m128i *)(block->scales + 8 * half));
                        scale[r] =
                            _mm256_mul_ps(broadcast_f16(block->d), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)));
                    }
                }
                transpose(scale);
                UNROLL
                for (size_t i = 0; i < 8; i++)
                    _mm256_storeu_ps(groups[g + 4 * half + i / 2].scale[i % 2] + first, scale[i]);
            }
            UNROLL
            for (size_t i = 0; i < 8; i++) pack_q((char *)groups[g + i].q, first, &eight, g + i, unpack_q_q6_k);
        }
    }
}

/* ------------------------------------------------------------------ F32 */

INLINE void pack_floats(struct f32_column *columns, const void *weights, size_t row_bytes, size_t rows, size_t n,
                        size_t element_bytes, load_8 load) {
    for (size_t first = 0; first < PANEL_ROWS; first += 8) {
        const struct eight_rows eight = rows_from(weights, row_bytes, rows, first);
        for (size_t k = 0; k < n; k += 8) {
            const size_t count = n - k < 8 ? n - k : 8;
            __m256 v[8];
            UNROLL
            for (int r = 0; r < 8; r++) {
                v[r] = _mm256_setzero_ps();
                if (eight.row[r]) {
                    const char *p = eight.row[r] + k * element_bytes;
                    v[r] = count == 8 ? load(p) : load_some(p, count, element_bytes, load);
                }
            }
            transpose(v);
            for (size_t i = 0; i < count; i++) _mm256_storeu_ps(columns[k + i].value + first, v[i]);
        }
    }
}

#define PACK_FLOATS(name, element_bytes)                                                                               \
    void avx2_pack_##name(void *panel, const void *weights, size_t row_bytes, size_t rows, size_t n) {                 \
        pack_floats(panel, weights, row_bytes, rows, n, element_bytes, load_8_##name);                                 \
    }

PACK_FLOATS(f32, 4)
PACK_FLOATS(f16, 2)
PACK_FLOATS(bf16, 2)
