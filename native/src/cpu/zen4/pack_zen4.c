/*
 * From blocks of 4-bit integers to paired panels (panels.h), by row and by column.
 *
 * By row: 16 bytes of nibbles of 16 rows at a time, which a transposition in lanes of 128 bits turns into registers
 * where each row has a run of 4 columns. By column: 32 rows of a column at a time, interleaved with those of the next
 * three.
 */
#include "../simd/fetch_rows.h"
#include "../x86/lanes.h"
#include "panels_zen4.h"
/* which need those */
#include "../simd/unpack.h"
#include "../x86/column_panel.h"

pack_kernel zen4_pack_q4_0, zen4_pack_q4_1, zen4_pack_q4_k;
pack_columns_kernel zen4_pack_columns_q4_0, zen4_pack_columns_q4_1;

enum { ROWS = 16, RUNS = 4 /* of half a group */ };

/* ------------------------------------------------------------------ by row */

INLINE __m512i lower(__m512i bytes) { return _mm512_and_si512(bytes, _mm512_set1_epi8(15)); }
INLINE __m512i upper(__m512i bytes) { return lower(_mm512_srli_epi16(bytes, 4)); }

/* Rows that the panel lacks lie where the last one does; their scales are zero. */
struct sixteen_rows {
    const char *row[ROWS];
    size_t count;
};

INLINE struct sixteen_rows rows_from(const void *weights, size_t row_bytes, size_t rows, size_t first) {
    struct sixteen_rows sixteen = {.count = first >= rows ? 0 : rows - first < ROWS ? rows - first : ROWS};
    for (size_t r = 0; r < ROWS; r++)
        sixteen.row[r] = (const char *)weights + (first + r < rows ? first + r : rows - 1) * row_bytes;
    return sixteen;
}

/* Bytes 4 k to 4 k + 3 of the 16 at `offset` of each row, as runs[k]. */
INLINE void load_runs(__m512i runs[RUNS], const struct sixteen_rows *rows, size_t offset) {
    __m512i v[4];
    UNROLL
    for (int i = 0; i < 4; i++) { /* row 4 l + i in lane l */
#define ROW(l) load_16_bytes(rows->row[4 * (l) + i] + offset)
        v[i] = _mm512_castsi128_si512(ROW(0));
        v[i] = _mm512_mask_broadcast_i32x4(v[i], 0x00f0, ROW(1));
        v[i] = _mm512_mask_broadcast_i32x4(v[i], 0x0f00, ROW(2));
        v[i] = _mm512_mask_broadcast_i32x4(v[i], 0xf000, ROW(3));
#undef ROW
    }
    const __m512i a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpackhi_epi32(v[0], v[1]);
    const __m512i c = _mm512_unpacklo_epi32(v[2], v[3]), d = _mm512_unpackhi_epi32(v[2], v[3]);
    runs[0] = _mm512_unpacklo_epi64(a, c);
    runs[1] = _mm512_unpackhi_epi64(a, c);
    runs[2] = _mm512_unpacklo_epi64(b, d);
    runs[3] = _mm512_unpackhi_epi64(b, d);
}

/* The integers of a group of 16 rows, from row `first` of the panel on. */
INLINE void store_q(struct s4_group *group, size_t first, const __m512i half_0[RUNS], const __m512i half_1[RUNS]) {
    __m512i sum = _mm512_setzero_si512();
    UNROLL
    for (int k = 0; k < RUNS; k++) {
        const __m512i w0 = _mm512_sub_epi8(half_0[k], _mm512_set1_epi8(S4_TOP));
        const __m512i w1 = _mm512_sub_epi8(half_1[k], _mm512_set1_epi8(S4_TOP));
        _mm512_storeu_si512(group->q[k][first], w0);
        _mm512_storeu_si512(group->q[k + RUNS][first], w1);
        sum = _mm512_dpbusd_epi32(sum, _mm512_add_epi8(w0, _mm512_set1_epi8((char)128)), w1);
    }
    _mm512_storeu_si512(group->pairs + first, _mm512_sub_epi32(_mm512_setzero_si512(), sum));
}

/* Blocks of 32: the first half of a group in the lower nibbles, the second in the upper ones. */
INLINE void pack_small_blocks(char *groups, size_t group_bytes, size_t first, const struct sixteen_rows *rows,
                              size_t offset, size_t block_bytes, int count) {
    for (int i = 0; i < count; i++, groups += group_bytes, offset += block_bytes) {
        __m512i runs[RUNS], halves[2][RUNS];
        load_runs(runs, rows, offset);
        UNROLL
        for (int k = 0; k < RUNS; k++) {
            halves[0][k] = lower(runs[k]);
            halves[1][k] = upper(runs[k]);
        }
        store_q((struct s4_group *)groups, first, halves[0], halves[1]);
    }
}

/* Blocks of 256: a group in the lower nibbles of 32 bytes, the next one in the upper ones. */
INLINE void pack_large_blocks(char *groups, size_t group_bytes, size_t first, const struct sixteen_rows *rows,
                              size_t offset) {
    for (int i = 0; i < 4; i++, groups += 2 * group_bytes, offset += 32) {
        __m512i runs[2][RUNS], q[2][2][RUNS];
        UNROLL
        for (int half = 0; half < 2; half++) {
            load_runs(runs[half], rows, offset + 16 * (size_t)half);
            UNROLL
            for (int k = 0; k < RUNS; k++) {
                q[0][half][k] = lower(runs[half][k]);
                q[1][half][k] = upper(runs[half][k]);
            }
        }
        store_q((struct s4_group *)groups, first, q[0][0], q[0][1]);
        store_q((struct s4_group *)(groups + group_bytes), first, q[1][0], q[1][1]);
    }
}

/* The scales of `count` groups of 8 rows, and the minima. */
INLINE void pack_scales(char *groups, size_t group_bytes, const bool has_minimum, size_t first, const char *const *rows,
                        size_t row_count, size_t g, int count, unpack_scales scales_of) {
    floats_8 scale[8], minimum[8];
    UNROLL
    for (size_t r = 0; r < 8; r++) {
        struct octet octet = {no_floats(), no_floats()};
        if (r < row_count) octet = count == 8 ? scales_of(rows[r], g, 8) : scales_of(rows[r], g, count);
        scale[r] = octet.scale;
        minimum[r] = _mm256_fmadd_ps(octet.scale, all_floats(S4_ZERO), octet.minimum);
    }
    transpose(scale);
    if (has_minimum) transpose(minimum);
    for (int i = 0; i < count; i++, groups += group_bytes) {
        store_8_floats(((struct s4_group *)groups)->scale + first, scale[i]);
        if (has_minimum) store_8_floats(((struct u4_group *)groups)->minimum + first, minimum[i]);
    }
}

/* `large`: blocks of 256. `quants`: the offset of the nibbles in a block. */
INLINE void pack_rows(char *panel, const bool has_minimum, const void *weights, size_t row_bytes, size_t rows, size_t n,
                      const bool large, size_t quants, size_t block_bytes, unpack_scales scales_of) {
    const size_t group_bytes = has_minimum ? sizeof(struct u4_group) : sizeof(struct s4_group);
    for (size_t first = 0; first < PANEL_ROWS; first += ROWS) {
        const struct sixteen_rows sixteen = rows_from(weights, row_bytes, rows, first);
        for (size_t g = 0; g < n / Q8_GROUP; g += 8) {
            char *groups = panel + g * group_bytes;
            const size_t left = n / Q8_GROUP - g;
            const int count = left < 8 ? (int)left : 8;
            fetch_next_rows(sixteen.row, ROWS, row_bytes, n, g);
            for (size_t eight = 0; eight < ROWS; eight += 8)
                pack_scales(groups, group_bytes, has_minimum, first + eight, sixteen.row + eight,
                            sixteen.count < eight ? 0 : sixteen.count - eight, g, count, scales_of);
            if (large)
                pack_large_blocks(groups, group_bytes, first, &sixteen, g / 8 * block_bytes + quants);
            else
                pack_small_blocks(groups, group_bytes, first, &sixteen, g * block_bytes + quants, block_bytes, count);
        }
    }
}

#define PACK(name, large, has_minimum)                                                                                 \
    void zen4_pack_##name(void *panel, const void *weights, size_t row_bytes, size_t rows, size_t n) {                 \
        pack_rows(panel, has_minimum, weights, row_bytes, rows, n, large, offsetof(struct block_##name, qs),           \
                  sizeof(struct block_##name), unpack_scales_##name);                                                  \
    }

PACK(q4_0, false, false)
PACK(q4_1, false, true)
PACK(q4_k, true, true)

/* ------------------------------------------------------------------ by column */

/* Numbers of 32 rows in the order in which interleaving leaves them: 0-3 16-19, 4-7 20-23, 8-11 24-27, 12-15 28-31. */
enum { PIECES = 4 };

INLINE void store_pieces(void *rows, const __m256i pieces[PIECES]) {
    __m128i *low = rows, *high = low + PIECES;
    UNROLL
    for (int i = 0; i < PIECES; i++) {
        _mm_storeu_si128(low + i, _mm256_castsi256_si128(pieces[i]));
        _mm_storeu_si128(high + i, _mm256_extracti128_si256(pieces[i], 1));
    }
}

/* The integers of 4 columns of 32 rows as a run of each row. */
INLINE void load_column_runs(__m256i runs[PIECES], const char *column, size_t column_bytes, __m128i shift) {
    __m256i c[4];
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        const __m256i bytes = _mm256_srl_epi16(load_32_bytes(column + i * column_bytes), shift);
        c[i] = add_bytes(lower_nibbles(bytes), all_bytes(-S4_TOP));
    }
    const __m256i ab_low = _mm256_unpacklo_epi8(c[0], c[1]), ab_high = _mm256_unpackhi_epi8(c[0], c[1]);
    const __m256i cd_low = _mm256_unpacklo_epi8(c[2], c[3]), cd_high = _mm256_unpackhi_epi8(c[2], c[3]);
    runs[0] = _mm256_unpacklo_epi16(ab_low, cd_low);
    runs[1] = _mm256_unpackhi_epi16(ab_low, cd_low);
    runs[2] = _mm256_unpacklo_epi16(ab_high, cd_high);
    runs[3] = _mm256_unpackhi_epi16(ab_high, cd_high);
}

/* The integers of a group, and what they add to all products. */
INLINE void pack_column_q(struct s4_group *group, const char *column, const struct column_panel *panel) {
    const __m128i shift = _mm_cvtsi32_si128(panel->nibble);
    const size_t bytes = panel->column_bytes;
    __m256i sum[PIECES] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                           _mm256_setzero_si256()};
    for (size_t k = 0; k < RUNS; k++, column += 4 * bytes) {
        __m256i w0[PIECES], w1[PIECES];
        UNROLL
        for (size_t c = 0; c < 4; c++) { /* the next group's; the panel that is written fills the first cache */
            _mm_prefetch(column + (c + Q8_GROUP) * bytes, _MM_HINT_T1);
            _mm_prefetch(column + (c + Q8_GROUP * 3 / 2) * bytes, _MM_HINT_T1);
        }
        load_column_runs(w0, column, bytes, shift);
        load_column_runs(w1, column + Q8_GROUP / 2 * bytes, bytes, shift);
        store_pieces(group->q[k], w0);
        store_pieces(group->q[k + RUNS], w1);
        UNROLL
        for (int i = 0; i < PIECES; i++) sum[i] = _mm256_dpbusd_epi32(sum[i], add_bytes(w0[i], all_bytes(128)), w1[i]);
    }
    UNROLL
    for (int i = 0; i < PIECES; i++) sum[i] = _mm256_sub_epi32(_mm256_setzero_si256(), sum[i]);
    store_pieces(group->pairs, sum);
}

INLINE void pack_columns(char *group, const bool has_minimum, const enum weight_type type, const void *matrix,
                         size_t rows, size_t first, size_t n) {
    const size_t group_bytes = has_minimum ? sizeof(struct u4_group) : sizeof(struct s4_group);
    const struct column_panel panel = column_panel_of(matrix, rows, n, first, type);
    const char *column = panel.column;
    for (size_t g = 0; g < n / Q8_GROUP; g++, column += Q8_GROUP * panel.column_bytes, group += group_bytes) {
        const size_t at = g * panel.scale_bytes;
        fetch_panel_scales(&panel, g);
        pack_column_q((struct s4_group *)group, column, &panel);
        for (size_t row = 0; row < PANEL_ROWS; row += 8) {
            const floats_8 scale = load_8_f16(panel.scales + at + 2 * row);
            store_8_floats(((struct s4_group *)group)->scale + row, scale);
            if (has_minimum)
                store_8_floats(((struct u4_group *)group)->minimum + row,
                               _mm256_fmadd_ps(scale, all_floats(S4_ZERO), load_8_f16(panel.minima + at + 2 * row)));
        }
    }
}

void zen4_pack_columns_q4_0(void *panel, const void *matrix, size_t rows, size_t first, size_t n) {
    pack_columns(panel, false, WEIGHT_Q4_0, matrix, rows, first, n);
}

void zen4_pack_columns_q4_1(void *panel, const void *matrix, size_t rows, size_t first, size_t n) {
    pack_columns(panel, true, WEIGHT_Q4_1, matrix, rows, first, n);
}
