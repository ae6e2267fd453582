/*
 * Matrices that lie by column (cpu/columns.h), in parts as operations.c divides them, from memory:
 *
 * columns TYPE        one row of activations, half of which are zeros, or nine tenths
 * pack_columns TYPE   unpacking panels
 *
 * Of the bytes only those count that have to be read. As in a model, matrices lie in huge pages where the system has
 * them.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "by_column.h"
#include "cpu/columns.h"
#include "cpu/pages.h"
#include "quant/blocks.h"

enum { PARTS = 16 };

/* Rows of activations, one for all parts of a matrix. They are used in turn, so that what is read differs from pass to
 * pass and is in no cache. */
enum { INPUTS = 32 };

struct column_thread {
    float *y; /* [rows] */
    size_t calls;
};

struct column_bench {
    const struct column_kernels *kernels;
    void *memory;
    const char *blocks; /* of all matrices, in memory of their own */
    size_t matrix_bytes, rows, n;
    const char *x; /* [INPUTS] */
    size_t x_bytes;
    struct column_thread *threads;
    char *panels;
    size_t panels_bytes;
};

static void columns_item(const void *argument, size_t item, uint32_t thread) {
    const struct column_bench *c = argument;
    const size_t groups = column_groups(c->n), part = item % PARTS;
    const size_t first = part * groups / PARTS, end = (part + 1) * groups / PARTS;
    struct column_thread *own = &c->threads[thread];
    const char *x = c->x + own->calls++ / PARTS % INPUTS * c->x_bytes;
    c->kernels->multiply(own->y, c->blocks + item / PARTS * c->matrix_bytes, c->rows, x, c->n, first, end - first);
}

static void pack_columns_item(const void *argument, size_t item, uint32_t thread) {
    const struct column_bench *c = argument;
    const size_t items = c->rows / COLUMN_PACK_ROWS;
    const struct strip all = {.n = c->n, .count = c->n};
    c->kernels->pack(c->panels + thread * c->panels_bytes, c->blocks + item / items * c->matrix_bytes, c->rows,
                     item % items * COLUMN_PACK_ROWS, &all);
}

static size_t matrix_count(const struct bench *bench, enum weight_type type) {
    return 1 + MEMORY_BYTES / column_matrix_bytes(type, bench->rows, bench->columns);
}

/* As many matrices as no cache holds, all alike; c.memory is the caller's to free. */
static struct column_bench columns_new(struct bench *bench, enum weight_type type) {
    const size_t n = bench->columns, rows = bench->rows, row_bytes = weight_row_bytes(type, n);
    struct column_bench c = {.kernels = &bench->kernels->columns[type], .rows = rows, .n = n};
    c.matrix_bytes = column_matrix_bytes(type, rows, n);
    const char *weights = bench_take_weights(bench, type, n, rows);
    const size_t bytes = matrix_count(bench, type) * c.matrix_bytes;
    c.memory = malloc(bytes + HUGE_PAGE_BYTES);
    if (!c.memory) {
        fprintf(stderr, "kernel_bench: no memory for %zu bytes\n", bytes);
        exit(EXIT_FAILURE);
    }
    char *blocks = (char *)c.memory + HUGE_PAGE_BYTES - (uintptr_t)c.memory % HUGE_PAGE_BYTES;
    pages_prefer_huge(blocks, bytes);
    for (size_t tile = 0; tile * COLUMN_TILE < rows; tile++)
        by_column_pack_tile(blocks, type, weights, row_bytes, rows, n, tile);
    for (size_t i = 1; i < matrix_count(bench, type); i++) memcpy(blocks + i * c.matrix_bytes, blocks, c.matrix_bytes);
    c.blocks = blocks;
    return c;
}

static bool is_zero(enum weight_type type, const void *x, size_t i) {
    return weight_type_is_block(type) ? ((const int8_t *)x)[i] == 0 : ((const float *)x)[i] == 0;
}

/* Bytes of a matrix that a row of activations makes necessary. */
static size_t bytes_read(const struct bench *bench, enum weight_type type, const void *x) {
    size_t bytes = column_offset(type, bench->rows, bench->columns); /* nearly all scales */
    for (size_t i = 0; i < bench->columns; i++)
        if (!is_zero(type, x, i)) bytes += column_bytes(type, bench->rows);
    return bytes;
}

static void bench_columns(struct bench *bench, enum weight_type type, double zeros) {
    const char *name = weight_type_names[type];
    if (!bench_wants(bench, "columns", name)) return;
    bench_begin(bench);
    struct column_bench c = columns_new(bench, type);
    c.x = bench_take_activations(bench, type, c.n, INPUTS, zeros, &c.x_bytes);
    c.threads = bench_take(bench, bench->threads * sizeof *c.threads);
    for (uint32_t i = 0; i < bench->threads; i++)
        c.threads[i] = (struct column_thread){.y = bench_take(bench, column_rows(c.rows) * sizeof(float))};
    size_t bytes = 0;
    for (size_t i = 0; i < INPUTS; i++) bytes += bytes_read(bench, type, c.x + i * c.x_bytes);
    char detail[64];
    snprintf(detail, sizeof detail, "%zu x %zu, %.0f %% zeros", c.rows, c.n, 100 * zeros);
    bench_report(bench, &(struct workload){.group = "columns",
                                           .name = name,
                                           .detail = detail,
                                           .item = columns_item,
                                           .argument = &c,
                                           .items = PARTS * matrix_count(bench, type),
                                           .unit_items = PARTS,
                                           .bytes = (double)bytes / INPUTS / PARTS,
                                           .byte_limit = bench->limits.memory});
    free(c.memory);
}

static void bench_pack_columns(struct bench *bench, enum weight_type type) {
    const struct kernels *kernels = bench->kernels;
    const char *name = weight_type_names[type];
    if (!kernels->columns[type].pack || !bench_wants(bench, "pack_columns", name)) return;
    bench_begin(bench);
    struct column_bench c = columns_new(bench, type);
    c.panels_bytes = COLUMN_PACK_ROWS / kernels->panel_rows * kernels->panel_bytes(kernels->matrix[type].panel, c.n);
    c.panels = bench_take(bench, bench->threads * c.panels_bytes);
    const size_t items = c.rows / COLUMN_PACK_ROWS;
    char detail[64];
    snprintf(detail, sizeof detail, "%zu x %zu, memory", c.rows, c.n);
    bench_report(bench, &(struct workload){.group = "pack_columns",
                                           .name = name,
                                           .detail = detail,
                                           .item = pack_columns_item,
                                           .argument = &c,
                                           .items = items * matrix_count(bench, type),
                                           .unit_items = (double)items,
                                           .bytes = (double)c.matrix_bytes / (double)items,
                                           .byte_limit = bench->limits.memory});
    free(c.memory);
}

void column_benches(struct bench *bench) {
#define X(NAME, name)                                                                                                  \
    bench_columns(bench, WEIGHT_##NAME, 0.5);                                                                          \
    bench_columns(bench, WEIGHT_##NAME, 0.9);
    RWKV_WEIGHT_TYPES(X)
#undef X
#define X(NAME, name) bench_pack_columns(bench, WEIGHT_##NAME);
    RWKV_WEIGHT_TYPES(X)
#undef X
}
