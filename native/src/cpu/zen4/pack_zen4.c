/*
 * From blocks of 4-bit integers to paired panels (panels.h), by row and by column.
 *
 * By row: 16 bytes of nibbles of 16 rows at a time, which a transposition in lanes of 128 bits turns into registers
 * where each row has a run of 4 columns. By column: 32 rows of four columns at a time, which one permutation of bytes
 * turns into such a register.
 */
#include "../simd/fetch_next.h"
#include "../x86/lanes.h"
#include "panels_zen4.h"
/* which need those */
#include "../simd/column_panel.h"
#include "../x86/quads.h"

pack_kernel zen4_pack_q4_0, zen4_pack_q4_1, zen4_pack_q4_k;
pack_columns_kernel zen4_pack_columns_q4_0, zen4_pack_columns_q4_1, zen4_pack_columns_q4_k;

enum { ROWS = 16, RUNS = 4 /* of half a group */ };

/* Stores run k of 16 rows, given what integers of both halves lack to 15; adds to `pairs` what is to be added to all
 * products. */
INLINE __m512i store_run(struct s4_group *group, size_t row, int k, __m512i half_0, __m512i half_1, __m512i pairs) {
    const __m512i all_128 = _mm512_set1_epi8((char)128);
    const __m512i factor = k == 0 ? all_128 : _mm512_sub_epi8(all_128, half_0);
    if (k == 0) half_0 = _mm512_xor_si512(half_0, _mm512_set1_epi8(S4_TOP));
    _mm512_storeu_si512(group->q[k][row], half_0);
    _mm512_storeu_si512(group->q[k + RUNS][row], k == 0 ? _mm512_sub_epi8(_mm512_setzero_si512(), half_1) : half_1);
    return _mm512_dpbusd_epi32(pairs, factor, half_1);
}

/* ------------------------------------------------------------------ by row */

/* What nibbles lack to 15. */
INLINE __m512i lower(__m512i bytes) { return _mm512_andnot_si512(bytes, _mm512_set1_epi8(S4_TOP)); }
INLINE __m512i upper(__m512i bytes) { return lower(_mm512_srli_epi16(bytes, 4)); }

/* Bytes 4 k to 4 k + 3 of the 16 at `at` of each row, as runs[k]. Of 16 rows `count` are there; for the others, whose
 * scales are zero, the last one is taken. */
INLINE void load_runs(__m512i runs[RUNS], const char *at, size_t row_bytes, size_t count) {
    const size_t last = count > 0 ? count - 1 : 0;
    __m512i v[4];
    UNROLL
    for (size_t i = 0; i < 4; i++) { /* row 4 l + i in lane l */
#define ROW(l) load_16_bytes(at + (4 * (l) + i < count ? 4 * (l) + i : last) * row_bytes)
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

/* The integers of 16 rows of a group, and what they add to all products. */
INLINE void store_q(struct s4_group *group, const __m512i half_0[RUNS], const __m512i half_1[RUNS]) {
    __m512i pairs = _mm512_setzero_si512();
    UNROLL
    for (int k = 0; k < RUNS; k++) pairs = store_run(group, 0, k, half_0[k], half_1[k], pairs);
    _mm512_storeu_si512(group->pairs, pairs);
}

/* Blocks of 32: the first half of a group in the lower nibbles, the second in the upper ones. */
INLINE void pack_small_blocks(char *groups, size_t group_bytes, const char *at, size_t row_bytes, size_t rows,
                              size_t block_bytes, int count, struct fetch *fetch) {
    for (int i = 0; i < count; i++, groups += group_bytes, at += block_bytes) {
        __m512i runs[RUNS], halves[2][RUNS];
        fetch_pack_steps(fetch, 2);
        load_runs(runs, at, row_bytes, rows);
        UNROLL
        for (int k = 0; k < RUNS; k++) {
            halves[0][k] = lower(runs[k]);
            halves[1][k] = upper(runs[k]);
        }
        store_q((struct s4_group *)groups, halves[0], halves[1]);
    }
}

/* Blocks of 256: a group in the lower nibbles of 32 bytes, the next one in the upper ones. */
INLINE void pack_large_blocks(char *groups, size_t group_bytes, const char *at, size_t row_bytes, size_t rows,
                              struct fetch *fetch) {
    for (int i = 0; i < 4; i++, groups += 2 * group_bytes, at += 32) {
        __m512i runs[2][RUNS], q[2][2][RUNS];
        fetch_pack_steps(fetch, 4);
        UNROLL
        for (int half = 0; half < 2; half++) {
            load_runs(runs[half], at + 16 * half, row_bytes, rows);
            UNROLL
            for (int k = 0; k < RUNS; k++) {
                q[0][half][k] = lower(runs[half][k]);
                q[1][half][k] = upper(runs[half][k]);
            }
        }
        store_q((struct s4_group *)groups, q[0][0], q[0][1]);
        store_q((struct s4_group *)(groups + group_bytes), q[1][0], q[1][1]);
    }
}

/* The scales of `count` groups of 8 rows, of which `rows` are there, and the minima. */
INLINE void pack_scales(char *groups, size_t group_bytes, const bool has_minimum, const char *row, size_t row_bytes,
                        size_t rows, size_t g, int count, unpack_scales scales_of) {
    floats_8 scale[8], minimum[8];
    UNROLL
    for (size_t r = 0; r < 8; r++, row += row_bytes) {
        struct octet octet = {no_floats(), no_floats()};
        if (r < rows) octet = count == 8 ? scales_of(row, g, 8) : scales_of(row, g, count);
        scale[r] = octet.scale;
        minimum[r] = _mm256_fmadd_ps(octet.scale, all_floats(S4_ZERO), octet.minimum);
    }
    transpose(scale);
    if (has_minimum) transpose(minimum);
    for (int i = 0; i < count; i++, groups += group_bytes) {
        store_8_floats(((struct s4_group *)groups)->scale, scale[i]);
        if (has_minimum) store_8_floats(((struct u4_group *)groups)->minimum, minimum[i]);
    }
}

/* A row of a group has 4 bytes everywhere: 4 r bytes behind a group, all pointers are those of row r. */
_Static_assert(PANEL_RUN == sizeof(float), "rows of q and of scales lie equally far apart");

/* 16 rows of a panel, of which `rows` are there. */
INLINE void pack_sixteen(char *panel, const bool has_minimum, const char *row, size_t row_bytes, size_t rows, size_t n,
                         const bool large, size_t quants, size_t block_bytes, unpack_scales scales_of,
                         struct fetch *fetch) {
    const size_t group_bytes = has_minimum ? sizeof(struct u4_group) : sizeof(struct s4_group);
    for (size_t g = 0; g < n / Q8_GROUP; g += 8) {
        char *groups = panel + g * group_bytes;
        const size_t left = n / Q8_GROUP - g;
        const int count = left < 8 ? (int)left : 8;
        for (size_t eight = 0; eight < ROWS; eight += 8)
            pack_scales(groups + eight * PANEL_RUN, group_bytes, has_minimum, row + eight * row_bytes, row_bytes,
                        rows < eight ? 0 : rows - eight, g, count, scales_of);
        if (large)
            pack_large_blocks(groups, group_bytes, row + g / 8 * block_bytes + quants, row_bytes, rows, fetch);
        else
            pack_small_blocks(groups, group_bytes, row + g * block_bytes + quants, row_bytes, rows, block_bytes, count,
                              fetch);
    }
}

/* `large`: blocks of 256. `quants`: the offset of the nibbles in a block. Whole panels have a loop of their own, in
 * which addresses of rows are made of a few registers. */
INLINE void pack_rows(char *panel, const bool has_minimum, const char *weights, size_t row_bytes, size_t rows, size_t n,
                      const bool large, size_t quants, size_t block_bytes, unpack_scales scales_of,
                      struct fetch *fetch) {
    for (size_t first = 0; first < PANEL_ROWS; first += ROWS, panel += ROWS * PANEL_RUN) {
        const char *row = weights + (first < rows ? first : rows - 1) * row_bytes;
        if (first + ROWS <= rows)
            pack_sixteen(panel, has_minimum, row, row_bytes, ROWS, n, large, quants, block_bytes, scales_of, fetch);
        else
            pack_sixteen(panel, has_minimum, row, row_bytes, first < rows ? rows - first : 0, n, large, quants,
                         block_bytes, scales_of, fetch);
    }
}

/* Twice: where nothing is to be fetched, even to look costs registers that addresses need. */
#define PACK(name, large, has_minimum)                                                                                 \
    void zen4_pack_##name(void *panel, const void *weights, size_t row_bytes, size_t rows, size_t n,                   \
                          struct fetch *fetch) {                                                                       \
        const size_t quants = offsetof(struct block_##name, qs), bytes = sizeof(struct block_##name);                  \
        if (fetch)                                                                                                     \
            pack_rows(panel, has_minimum, weights, row_bytes, rows, n, large, quants, bytes, permuted_scales_##name,   \
                      fetch);                                                                                          \
        else                                                                                                           \
            pack_rows(panel, has_minimum, weights, row_bytes, rows, n, large, quants, bytes, permuted_scales_##name,   \
                      NULL);                                                                                           \
    }

#define permuted_scales_q4_k unpack_scales_q4_k

PACK(q4_0, false, false)
PACK(q4_1, false, true)
PACK(q4_k, true, true)

/* ------------------------------------------------------------------ by column */

/* What the integers of two columns of 32 rows lack to 15. */
INLINE __m512i load_two_columns(const char *column, size_t column_bytes, __m128i shift) {
    const __m512i first = _mm512_castsi256_si512(load_32_bytes(column));
    const __m512i both = _mm512_mask_broadcast_i64x4(first, 0xf0, load_32_bytes(column + column_bytes));
    return lower(_mm512_srl_epi16(both, shift));
}

/* Four columns of 32 rows as a run of each row. */
INLINE void load_column_runs(__m512i runs[2], const char *column, size_t column_bytes, __m128i shift) {
    const __m512i ab = load_two_columns(column, column_bytes, shift);
    const __m512i cd = load_two_columns(column + 2 * column_bytes, column_bytes, shift);
    const __m512i row = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i columns = _mm512_set1_epi32(0x60402000); /* of 32 bytes each */
    const __m512i index = _mm512_add_epi8(columns, _mm512_mullo_epi32(row, _mm512_set1_epi32(0x01010101)));
    runs[0] = _mm512_permutex2var_epi8(ab, index, cd);
    runs[1] = _mm512_permutex2var_epi8(ab, _mm512_add_epi8(index, _mm512_set1_epi8(ROWS)), cd);
}

/* The integers of a group, and what they add to all products. */
INLINE void pack_column_q(struct s4_group *group, const char *column, const struct column_panel *panel) {
    const __m128i shift = _mm_cvtsi32_si128(panel->lower.shift);
    const size_t bytes = panel->column_bytes;
    __m512i pairs[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    UNROLL
    for (int k = 0; k < RUNS; k++, column += 4 * bytes) {
        __m512i w0[2], w1[2];
        UNROLL
        for (size_t c = 0; c < 4; c++) { /* the next group's; the panel that is written fills the first cache */
            _mm_prefetch(column + (c + Q8_GROUP) * bytes, _MM_HINT_T1);
            _mm_prefetch(column + (c + Q8_GROUP * 3 / 2) * bytes, _MM_HINT_T1);
        }
        load_column_runs(w0, column, bytes, shift);
        load_column_runs(w1, column + Q8_GROUP / 2 * bytes, bytes, shift);
        UNROLL
        for (size_t i = 0; i < 2; i++) pairs[i] = store_run(group, i * ROWS, k, w0[i], w1[i], pairs[i]);
    }
    _mm512_storeu_si512(group->pairs, pairs[0]);
    _mm512_storeu_si512(group->pairs + ROWS, pairs[1]);
}

INLINE void pack_columns(char *group, const bool has_minimum, const enum weight_type type, const void *matrix,
                         size_t rows, size_t first, const struct strip *strip) {
    const size_t group_bytes = has_minimum ? sizeof(struct u4_group) : sizeof(struct s4_group);
    const struct column_panel panel = column_panel_of(matrix, rows, strip->n, first, type);
    const char *column = panel.column + strip->begin * panel.column_bytes + panel.lower.offset;
    for (size_t g = strip_group(strip); g < strip_end_group(strip);
         g++, column += Q8_GROUP * panel.column_bytes, group += group_bytes) {
        fetch_panel_scales(&panel, g, type);
        pack_column_q((struct s4_group *)group, column, &panel);
        for (size_t row = 0; row < PANEL_ROWS; row += 8) {
            const struct panel_octet octet = panel_octet_of(&panel, g, row, type);
            store_8_floats(((struct s4_group *)group)->scale + row, octet.scale);
            if (has_minimum)
                store_8_floats(((struct u4_group *)group)->minimum + row,
                               _mm256_fmadd_ps(octet.scale, all_floats(S4_ZERO), octet.minimum));
        }
    }
}

#define PACK_COLUMNS(NAME, name, has_minimum)                                                                          \
    void zen4_pack_columns_##name(void *panel, const void *matrix, size_t rows, size_t first,                          \
                                  const struct strip *strip) {                                                         \
        pack_columns(panel, has_minimum, WEIGHT_##NAME, matrix, rows, first, strip);                                   \
    }

PACK_COLUMNS(Q4_0, q4_0, false)
PACK_COLUMNS(Q4_1, q4_1, true)
PACK_COLUMNS(Q4_K, q4_k, true)
