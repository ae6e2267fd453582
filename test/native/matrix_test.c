/*
 * The matrix kernels of every tier that can run here: against the scalar tier for all types, sizes with tails, values
 * at the limits; each row and token alone against the same one among others, bit for bit; matrices that lie by column
 * against the same by row. The cases are made from RWKV_WEIGHT_TYPES, so no type goes untested.
 */
#include <math.h>
#include <string.h>

#include "by_column.h"
#include "check.h"
#include "cpu/columns.h"
#include "cpu/kernels.h"
#include "quant/blocks.h"

/* ------------------------------------------------------------------ memory
 * Every buffer is exactly as long as it has to be: AddressSanitizer sees what is read beyond it, bytes around it what
 * is written beyond. */

enum { GUARD = 32, GUARD_BYTE = 0xa5, MAX_TOKENS = 13 };

static void *guarded_new(size_t bytes) {
    unsigned char *block = check_allocate(bytes + 2 * GUARD);
    memset(block, GUARD_BYTE, bytes + 2 * GUARD);
    return block + GUARD;
}

static void guarded_free(void *p, size_t bytes) {
    const unsigned char *before = (unsigned char *)p - GUARD, *after = (unsigned char *)p + bytes;
    bool intact = true;
    for (size_t i = 0; i < GUARD; i++) intact = intact && before[i] == GUARD_BYTE && after[i] == GUARD_BYTE;
    CHECK(intact, "something outside of %zu bytes was written", bytes);
    free((unsigned char *)p - GUARD);
}

static void *exact_copy(const void *source, size_t bytes) {
    void *copy = check_allocate(bytes);
    memcpy(copy, source, bytes);
    return copy;
}

/* ------------------------------------------------------------------ values */

enum kind {
    RANDOM,    /* weights as an encoder makes them, activations of all sizes */
    LARGEST,   /* all integers at their upper end, activations 127 */
    SMALLEST,  /* all at their lower end, -128 where there is one, activations alternating -127 and 127 */
    ANY_BITS,  /* random bytes with sane scales: what a hostile file may hold */
    SUBNORMAL, /* weights below the normal range of their type */
    ZEROS,
    SPARSE, /* weights as an encoder makes them, nine tenths of the activations 0 */
    KIND_COUNT
};
static const char *const kind_names[] = {"random", "largest", "smallest", "any bits", "subnormal", "zeros", "sparse"};

static void store_f16(void *p, float f) { store_u16(p, f32_to_f16(f)); }

/* Scales (and minima) of all blocks of a row. Signs differ from block to block. */
static void set_scales(enum weight_type type, void *row, size_t n, float scale) {
    for (size_t i = 0; i < n / weight_formats[type].block_elements; i++, scale = -scale) {
        void *block = (char *)row + i * weight_formats[type].block_bytes;
        switch (type) {
        case WEIGHT_Q8_0: store_f16(((struct block_q8_0 *)block)->d, scale); break;
        case WEIGHT_Q4_0: store_f16(((struct block_q4_0 *)block)->d, scale); break;
        case WEIGHT_Q5_0: store_f16(((struct block_q5_0 *)block)->d, scale); break;
        case WEIGHT_Q4_1:
            store_f16(((struct block_q4_1 *)block)->d, scale);
            store_f16(((struct block_q4_1 *)block)->m, scale);
            break;
        case WEIGHT_Q5_1:
            store_f16(((struct block_q5_1 *)block)->d, scale);
            store_f16(((struct block_q5_1 *)block)->m, scale);
            break;
        case WEIGHT_IQ4_NL: store_f16(((struct block_iq4_nl *)block)->d, scale); break;
        case WEIGHT_Q2_K:
            store_f16(((struct block_q2_k *)block)->d, scale);
            store_f16(((struct block_q2_k *)block)->dmin, scale);
            break;
        case WEIGHT_Q3_K: store_f16(((struct block_q3_k *)block)->d, scale); break;
        case WEIGHT_Q4_K:
            store_f16(((struct block_q4_k *)block)->d, scale);
            store_f16(((struct block_q4_k *)block)->dmin, scale);
            break;
        case WEIGHT_Q5_K:
            store_f16(((struct block_q5_k *)block)->d, scale);
            store_f16(((struct block_q5_k *)block)->dmin, scale);
            break;
        case WEIGHT_Q6_K: store_f16(((struct block_q6_k *)block)->d, scale); break;
        default: break;
        }
    }
}

/* The largest |scale * q| + |minimum| of any block whose d and m are 1. */
static double largest_term(enum weight_type type) {
    switch (type) {
    case WEIGHT_Q8_0: return 128;
    case WEIGHT_Q4_0: return 15 + 8;
    case WEIGHT_Q4_1: return 15 + 1;
    case WEIGHT_Q5_0: return 31 + 16;
    case WEIGHT_Q5_1: return 31 + 1;
    case WEIGHT_IQ4_NL: return 127;
    case WEIGHT_Q2_K: return 15 * 3 + 15;
    case WEIGHT_Q3_K: return 32 * 4;
    case WEIGHT_Q4_K: return 63 * 15 + 63;
    case WEIGHT_Q5_K: return 63 * 31 + 63;
    case WEIGHT_Q6_K: return 128 * 32;
    default: return 1;
    }
}

/* Fills one row of weights; returns the largest term that an element contributes for an activation of 1. */
static double fill_weights(enum weight_type type, void *row, size_t n, enum kind kind) {
    const size_t bytes = weight_row_bytes(type, n);
    unsigned char *raw = row;
    float *values = check_allocate(n * sizeof *values);
    memset(values, 0, n * sizeof *values); /* gcc thinks that n might be 0 */
    double largest = 0;
    if (!weight_type_is_block(type) || kind == RANDOM || kind == ZEROS || kind == SPARSE) {
        const float size = kind == ZEROS ? 0 : kind == SUBNORMAL ? (type == WEIGHT_F16 ? 1e-6f : 1e-39f) : 1;
        for (size_t i = 0; i < n; i++) values[i] = check_random_float(-size, size);
        encode_row(type, row, values, n);
        decode_row(type, values, row, n);
        for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)values[i]));
        largest *= 3; /* a minimum may be as large as the range of the values */
    } else {
        for (size_t i = 0; i < bytes; i++)
            raw[i] = kind == LARGEST    ? (type == WEIGHT_Q8_0 ? 0x7f : 0xff)
                     : kind == SMALLEST ? (type == WEIGHT_Q8_0 ? 0x80 : 0)
                                        : (unsigned char)check_random();
        if (type == WEIGHT_Q6_K && (kind == LARGEST || kind == SMALLEST))
            for (size_t b = 0; b < n / BLOCK_K; b++) memset(((struct block_q6_k *)row)[b].scales, 0x80, 16);
        const float scale = kind == SUBNORMAL ? 0x1p-20f : 0.75f;
        set_scales(type, row, n, scale);
        largest = largest_term(type) * (double)scale;
    }
    free(values);
    return largest;
}

static bool is_paired(const struct kernels *tier, enum weight_type type) {
    const enum panel panel = tier->matrix[type].panel;
    return tier->matrix[type].pack && (panel == PANEL_S4 || panel == PANEL_U4);
}

/* Fills one row of activations, in the form that the tier's gemm wants; returns the sum of their magnitudes. */
static double fill_activations(const struct kernels *tier, enum weight_type type, void *row, size_t n, enum kind kind) {
    float *x = check_allocate(n * sizeof *x);
    const float size = check_random_float(0.1f, 30);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = kind == LARGEST    ? 127
               : kind == SMALLEST ? (i % 3 == 0 ? -127 : 127)
                                  : check_random_float(-size, size) * (i / Q8_GROUP % 5 == 3 ? 0 : 1);
        if (kind == SPARSE && check_random() % 10 != 0) x[i] = 0;
        sum += fabs((double)x[i]);
    }
    if (!weight_type_is_block(type))
        memcpy(row, x, n * sizeof *x);
    else if (is_paired(tier, type))
        tier->quantise_paired(row, 0, x, 0, 1, n, 0, n);
    else
        scalar_kernels.quantise_q8(row, x, n, 0, n);
    free(x);
    return sum * 1.01; /* quantising may have made them larger */
}

/* ------------------------------------------------------------------ one case */

struct matrix_case {
    enum weight_type type;
    enum kind kind;
    size_t rows, n, tokens;
    size_t row_bytes, x_bytes;       /* of a row */
    size_t weights_stride, x_stride; /* bytes from row to row */
    void *weights, *x;               /* [rows], [tokens], nothing after the last row */
    float *expected;                 /* [tokens][rows] by the scalar tier */
    double *tolerance;               /* the same */
};

static struct matrix_case case_new(const struct kernels *tier, enum weight_type type, enum kind kind, size_t rows,
                                   size_t n, size_t tokens) {
    struct matrix_case c = {.type = type, .kind = kind, .rows = rows, .n = n, .tokens = tokens};
    c.row_bytes = weight_row_bytes(type, n);
    c.x_bytes = is_paired(tier, type)        ? paired_row_bytes(n)
                : weight_type_is_block(type) ? q8_row_bytes(n)
                                             : n * sizeof(float);
    /* floats are aligned as floats, blocks not at all */
    c.weights_stride = c.row_bytes + (type == WEIGHT_F32 ? 12 : type <= WEIGHT_BF16 ? 6 : 7);
    c.x_stride = c.x_bytes + 4 * 11;
    c.weights = check_allocate(c.weights_stride * (rows - 1) + c.row_bytes);
    c.x = check_allocate(c.x_stride * (tokens - 1) + c.x_bytes);
    c.expected = check_allocate(tokens * rows * sizeof *c.expected);
    c.tolerance = check_allocate(tokens * rows * sizeof *c.tolerance);
    double largest = 0;
    for (size_t r = 0; r < rows; r++)
        largest = fmax(largest, fill_weights(type, (char *)c.weights + r * c.weights_stride, n, kind));
    for (size_t t = 0; t < tokens; t++) {
        const double sum = fill_activations(tier, type, (char *)c.x + t * c.x_stride, n, kind);
        scalar_kernels.matrix[type].matvec(c.expected + t * rows, c.weights, c.weights_stride, rows,
                                           (char *)c.x + t * c.x_stride, n);
        /* 2^-22: room for a few roundings of partial sums that may be as large as the sum of all magnitudes */
        for (size_t r = 0; r < rows; r++) c.tolerance[t * rows + r] = 0x1p-22 * largest * sum + 0x1p-149 * (double)n;
    }
    return c;
}

static void case_free(struct matrix_case *c) {
    free(c->weights);
    free(c->x);
    free(c->expected);
    free(c->tolerance);
}

static void expect(const struct matrix_case *c, const char *tier, const char *kernel, size_t token, size_t row,
                   float y) {
    const float expected = c->expected[token * c->rows + row];
    CHECK(fabs((double)y - (double)expected) <= c->tolerance[token * c->rows + row],
          "%s %s %s, %s, %zu rows of %zu, %zu tokens: row %zu token %zu is %.9g, expected %.9g", tier, kernel,
          weight_formats[c->type].name, kind_names[c->kind], c->rows, c->n, c->tokens, row, token, (double)y,
          (double)expected);
}

static void test_matvec(const struct kernels *tier, const struct matrix_case *c) {
    matvec_kernel *matvec = tier->matrix[c->type].matvec;
    const size_t y_bytes = c->rows * sizeof(float);
    void *x = exact_copy(c->x, c->x_bytes);
    float *y = guarded_new(y_bytes);
    matvec(y, c->weights, c->weights_stride, c->rows, x, c->n);
    for (size_t r = 0; r < c->rows; r++) expect(c, tier->name, "matvec", 0, r, y[r]);

    const size_t alone = c->rows / 2;
    void *row = exact_copy((char *)c->weights + alone * c->weights_stride, c->row_bytes);
    float one;
    matvec(&one, row, 0, 1, x, c->n);
    CHECK(memcmp(&one, &y[alone], sizeof one) == 0, "%s matvec %s: a row alone differs", tier->name,
          weight_formats[c->type].name);
    free(row);
    free(x);
    guarded_free(y, y_bytes);
}

#if defined(_WIN32)
#include <malloc.h>
#define aligned_alloc(alignment, bytes) _aligned_malloc(bytes, alignment)
#define aligned_free _aligned_free
#else
#define aligned_free free
#endif

static size_t panel_bytes(const struct kernels *tier, const struct matrix_case *c) {
    return tier->panel_bytes(tier->matrix[c->type].panel, c->n);
}

static char *panels_new(const struct kernels *tier, const struct matrix_case *c, size_t count) {
    const size_t bytes = panel_bytes(tier, c) * count;
    char *panels = aligned_alloc(64, bytes);
    if (!panels || bytes % 64 != 0) {
        printf("no memory for panels of %zu bytes, or no multiple of 64\n", bytes);
        exit(EXIT_FAILURE);
    }
    memset(panels, GUARD_BYTE, bytes);
    return panels;
}

/* The products of the rows of a panel and all tokens, strip by strip of so many columns; of `blocks`, the weights by
 * column, unless that is NULL. Something is fetched, which changes nothing. */
static void multiply_strips(const struct kernels *tier, const struct matrix_case *c, const char *blocks, char *panels,
                            size_t first, size_t rows, size_t columns, float *y, size_t y_stride) {
    const struct matrix_kernels *kernels = &tier->matrix[c->type];
    const char *row = (const char *)c->weights + first * c->weights_stride;
    const size_t block = weight_formats[c->type].block_elements, block_bytes = weight_formats[c->type].block_bytes;
    const size_t others = blocks ? first % COLUMN_PACK_ROWS / tier->panel_rows : 0; /* that are unpacked with it */
    for (size_t begin = 0; begin < c->n; begin += columns) {
        const struct strip strip = {
            .n = c->n, .begin = begin, .count = c->n - begin < columns ? c->n - begin : columns};
        struct fetch fetch = {.row = row,
                              .row_bytes = c->weights_stride,
                              .rows = (ptrdiff_t)rows,
                              .line = row,
                              .line_stride = 64,
                              .line_step = 2,
                              .lines = 3};
        const size_t bytes = tier->panel_bytes(kernels->panel, strip.count);
        memset(panels, GUARD_BYTE, (others + 1) * bytes);
        if (blocks)
            tier->columns[c->type].pack(panels, blocks, c->rows, first - first % COLUMN_PACK_ROWS, &strip);
        else
            kernels->pack(panels, row + begin / block * block_bytes, c->weights_stride, rows, strip.count,
                          begin % (2 * columns) == 0 ? &fetch : NULL);
        tier->gemm[kernels->panel](y, y_stride, panels + others * bytes, rows, c->x, c->x_stride, c->tokens, &strip,
                                   &fetch);
    }
}

/* Columns of the least strip: for floats any number. */
static size_t least_strip(const struct matrix_case *c) {
    const size_t block = weight_formats[c->type].block_elements;
    return block == 1 ? 7 : block;
}

static void test_gemm(const struct kernels *tier, const struct matrix_case *c) {
    const struct matrix_kernels *kernels = &tier->matrix[c->type];
    if (!kernels->pack) return;
    gemm_kernel *gemm = tier->gemm[kernels->panel];
    const struct strip all = {.n = c->n, .count = c->n};
    struct fetch nothing = {.rows = 0};
    void *panel = panels_new(tier, c, 1);
    for (size_t first = 0; first < c->rows; first += tier->panel_rows) {
        const size_t rows = c->rows - first < tier->panel_rows ? c->rows - first : tier->panel_rows;
        const size_t stride = rows + 3, y_bytes = ((c->tokens - 1) * stride + rows) * sizeof(float);
        float *y = guarded_new(y_bytes);
        multiply_strips(tier, c, NULL, panel, first, rows, c->n, y, stride);
        for (size_t t = 0; t < c->tokens; t++) {
            for (size_t r = 0; r < rows; r++) expect(c, tier->name, "gemm", t, first + r, y[t * stride + r]);
            if (t + 1 < c->tokens) {
                const unsigned char *between = (const unsigned char *)(y + t * stride + rows);
                for (size_t i = 0; i < 3 * sizeof(float); i++)
                    CHECK(between[i] == GUARD_BYTE, "%s gemm wrote between the rows of y", tier->name);
            }
            /* the token alone: the same bits */
            float alone[64];
            gemm(alone, 0, panel, rows, (char *)c->x + t * c->x_stride, 0, 1, &all, &nothing);
            CHECK(memcmp(alone, y + t * stride, rows * sizeof *y) == 0, "%s gemm %s: token %zu of %zu alone differs",
                  tier->name, weight_formats[c->type].name, t, c->tokens);
        }
        /* the first row alone */
        float one;
        kernels->pack(panel, (char *)c->weights + first * c->weights_stride, 0, 1, c->n, NULL);
        gemm(&one, 1, panel, 1, c->x, c->x_stride, 1, &all, &nothing);
        CHECK(memcmp(&one, y, sizeof one) == 0, "%s gemm %s: a row alone differs", tier->name,
              weight_formats[c->type].name);
        /* strip by strip: the same bits, and nothing else written */
        float *strips = guarded_new(y_bytes);
        multiply_strips(tier, c, NULL, panel, first, rows, least_strip(c), strips, stride);
        CHECK(memcmp(strips, y, y_bytes) == 0, "%s gemm %s: %zu columns in strips differ", tier->name,
              weight_formats[c->type].name, c->n);
        guarded_free(strips, y_bytes);
        guarded_free(y, y_bytes);
    }
    aligned_free(panel);
}

/* ------------------------------------------------------------------ by column */

static char *columns_new(const struct matrix_case *c) {
    const size_t bytes = column_matrix_bytes(c->type, c->rows, c->n);
    char *blocks = aligned_alloc(64, bytes);
    if (!blocks || bytes % 64 != 0) {
        printf("no memory for %zu bytes by column, or no multiple of 64\n", bytes);
        exit(EXIT_FAILURE);
    }
    memset(blocks, GUARD_BYTE, bytes);
    for (size_t tile = 0; tile * COLUMN_TILE < c->rows; tile++)
        by_column_pack_tile(blocks, c->type, c->weights, c->weights_stride, c->rows, c->n, tile);
    return blocks;
}

/* All groups at once, and as the sum of two parts. */
static void test_multiply_columns(const struct kernels *tier, const struct matrix_case *c, const char *blocks) {
    multiply_columns_kernel *multiply = tier->columns[c->type].multiply;
    const size_t groups = column_groups(c->n), some = groups / 3, count = column_rows(c->rows);
    const size_t bytes = count * sizeof(float);
    void *x = exact_copy(c->x, c->x_bytes);
    float *y = guarded_new(bytes), *first = guarded_new(bytes), *second = guarded_new(bytes);
    multiply(y, blocks, c->rows, x, c->n, 0, groups);
    for (size_t r = 0; r < c->rows; r++) expect(c, tier->name, "multiply_columns", 0, r, y[r]);
    for (size_t r = c->rows; r < count; r++) CHECK(y[r] == 0, "%s: row %zu of %zu", tier->name, r, c->rows);
    if (some > 0) {
        multiply(first, blocks, c->rows, x, c->n, 0, some);
        multiply(second, blocks, c->rows, x, c->n, some, groups - some);
        for (size_t r = 0; r < c->rows; r++)
            expect(c, tier->name, "multiply_columns in parts", 0, r, first[r] + second[r]);
    }
    guarded_free(second, bytes);
    guarded_free(first, bytes);
    guarded_free(y, bytes);
    free(x);
}

/* A panel of columns does what one of rows does, bit for bit, and so do strips of it. */
static void test_pack_columns(const struct kernels *tier, const struct matrix_case *c, const char *blocks) {
    if (!tier->columns[c->type].pack) return;
    char *panels = panels_new(tier, c, COLUMN_PACK_ROWS / tier->panel_rows);
    float by_row[MAX_TOKENS * 64], by_column[MAX_TOKENS * 64];
    for (size_t first = 0; first < c->rows; first += tier->panel_rows) {
        const size_t rows = c->rows - first < tier->panel_rows ? c->rows - first : tier->panel_rows;
        multiply_strips(tier, c, NULL, panels, first, rows, c->n, by_row, rows);
        const size_t columns[] = {c->n, least_strip(c)};
        for (size_t i = 0; i < 2; i++) {
            multiply_strips(tier, c, blocks, panels, first, rows, columns[i], by_column, rows);
            CHECK(memcmp(by_row, by_column, c->tokens * rows * sizeof *by_row) == 0,
                  "%s pack_columns %s, %s: rows from %zu on of %zu, %zu columns at once", tier->name,
                  weight_formats[c->type].name, kind_names[c->kind], first, c->rows, columns[i]);
        }
    }
    aligned_free(panels);
}

static void test_columns(const struct kernels *tier, const struct matrix_case *c) {
    char *blocks = columns_new(c);
    test_multiply_columns(tier, c, blocks);
    test_pack_columns(tier, c, blocks);
    aligned_free(blocks);
}

static void test_case(const struct kernels *tier, enum weight_type type, enum kind kind, size_t rows, size_t n,
                      size_t tokens) {
    struct matrix_case c = case_new(tier, type, kind, rows, n, tokens);
    test_matvec(tier, &c);
    test_gemm(tier, &c);
    test_columns(tier, &c);
    case_free(&c);
}

/* Activations that were not finite have a scale of NaN: it must come through. */
static void test_not_a_number(const struct kernels *tier, enum weight_type type) {
    if (!weight_type_is_block(type)) return;
    struct matrix_case c = case_new(tier, type, RANDOM, 3, 2 * BLOCK_K, 3);
    ((float *)q8_row_scales((char *)c.x + c.x_stride, c.n))[5] = NAN;
    ((float *)q8_row_sums((char *)c.x + c.x_stride, c.n))[5] = NAN;
    if (is_paired(tier, type)) ((struct paired_group *)paired_row_groups((char *)c.x + c.x_stride, c.n))[5].scale = NAN;
    float y[3];
    tier->matrix[type].matvec(y, c.weights, c.weights_stride, 3, (char *)c.x + c.x_stride, c.n);
    for (int r = 0; r < 3; r++) CHECK(isnan(y[r]), "%s %s", tier->name, weight_formats[type].name);
    if (tier->matrix[type].pack) {
        float all[9];
        void *panel = panels_new(tier, &c, 1);
        multiply_strips(tier, &c, NULL, panel, 0, 3, c.n, all, 3);
        for (int i = 0; i < 9; i++)
            CHECK(!isnan(all[i]) == (i / 3 != 1), "%s %s", tier->name, weight_formats[type].name);
        aligned_free(panel);
    }
    case_free(&c);
}

static void test_type(const struct kernels *tier, enum weight_type type) {
    const size_t block = weight_formats[type].block_elements;
    const size_t most_rows = 2 * (tier->panel_rows ? tier->panel_rows : 4) + 3;
    /* every length up to a few vectors or octets, with few rows */
    for (size_t blocks = 1; blocks <= (block == 1 ? 70 : block == 32 ? 25 : 4); blocks++)
        test_case(tier, type, RANDOM, 3, blocks * block, 1 + blocks % MAX_TOKENS);
    /* every number of rows, and of tokens */
    for (size_t rows = 1; rows <= most_rows; rows++)
        test_case(tier, type, RANDOM, rows, block == 1 ? 77 : block == 32 ? 9 * 32 : 256, 1 + rows % MAX_TOKENS);
    for (size_t tokens = 1; tokens <= MAX_TOKENS; tokens++)
        test_case(tier, type, RANDOM, 5, block == 1 ? 130 : 512, tokens);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        test_case(tier, type, (enum kind)kind, 19, block == 1 ? 1031 : 1024, 7);
        test_case(tier, type, (enum kind)kind, 2 * COLUMN_TILE + 1, block == 1 ? 67 : 512, 4);
    }
    for (size_t rows = COLUMN_TILE / 2 - 1; rows <= COLUMN_TILE + 1; rows += COLUMN_TILE / 2 + 1)
        test_case(tier, type, SPARSE, rows, block == 1 ? 99 : 256, 3);
    test_case(tier, type, RANDOM, 2, block == 1 ? 8191 : 8192, 2);
    test_not_a_number(tier, type);
}

int main(void) {
    const struct kernels *tiers[8];
    const size_t count = kernels_available(tiers, 8);
    for (size_t i = 0; i < count; i++) {
        printf("%s\n", tiers[i]->name);
#define X(NAME, name) test_type(tiers[i], WEIGHT_##NAME);
        RWKV_WEIGHT_TYPES(X)
#undef X
    }
    return check_result();
}
