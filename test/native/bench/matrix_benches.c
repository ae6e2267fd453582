/*
 * Products with weight matrices as they lie in files, in pieces as operations.c divides them:
 *
 * matvec TYPE   one row of activations, with weights from memory and from the second cache
 * pack TYPE     unpacking panels of weights, likewise
 * gemm PANEL    a panel times a chunk of a prompt
 * prompt TYPE   both: all of a matrix times a chunk of a prompt
 */
#include "bench.h"

#include <stdio.h>

#include "ahead.h"
#include "quant/blocks.h"

struct matrix_bench {
    const struct bench *bench;
    const struct matrix_kernels *kernels;
    gemm_kernel *gemm;
    const char *weights;
    enum weight_type type;
    size_t row_bytes, n;
    size_t rows;        /* of an item */
    size_t thread_rows; /* from the first row of a thread to that of the next */
    const char *x;
    size_t x_bytes;
    float *y;
    size_t y_stride, y_thread; /* floats from token to token, from thread to thread */
    char *panels;              /* of each thread */
    size_t panel_bytes;
};

/* ------------------------------------------------------------------ matvec */

/* What a thread takes at once. */
enum { ITEM_BYTES = 128 << 10 };

static void matvec_item(const void *argument, size_t item, uint32_t thread) {
    const struct matrix_bench *m = argument;
    const char *weights = m->weights + (item * m->rows + thread * m->thread_rows) * m->row_bytes;
    m->kernels->matvec(m->y + thread * m->y_thread, weights, m->row_bytes, m->rows, m->x, m->n);
}

/* With weights from memory, and with the few rows that each thread has in its second cache. */
static void report_memory_and_cache(struct bench *bench, struct workload w, struct matrix_bench *m) {
    char detail[64];
    w.detail = detail;
    w.byte_limit = bench->limits.memory;
    snprintf(detail, sizeof detail, "%zu x %zu, memory", bench->rows, m->n);
    bench_report(bench, &w);

    m->thread_rows = m->rows;
    w.items = 1;
    w.each = true;
    w.byte_limit = bench->limits.cache_2;
    snprintf(detail, sizeof detail, "%zu x %zu, second cache", bench->rows, m->n);
    bench_report(bench, &w);
}

static void bench_matvec(struct bench *bench, enum weight_type type) {
    const char *name = weight_type_names[type];
    if (!bench_wants(bench, "matvec", name)) return;
    bench_begin(bench);
    const size_t n = bench->columns, row_bytes = weight_row_bytes(type, n), all_rows = MEMORY_BYTES / row_bytes;
    struct matrix_bench m = {.kernels = &bench->kernels->matrix[type], .row_bytes = row_bytes, .n = n};
    m.rows = ITEM_BYTES / row_bytes ? ITEM_BYTES / row_bytes : 1;
    m.weights = bench_take_weights(bench, type, n, all_rows);
    m.x = bench_take_activations(bench, type, n, 1, 0, &m.x_bytes);
    m.y_thread = m.rows;
    m.y = bench_take(bench, bench->threads * m.y_thread * sizeof *m.y);

    const struct workload w = {.group = "matvec",
                               .name = name,
                               .item = matvec_item,
                               .argument = &m,
                               .items = all_rows / m.rows,
                               .unit_items = (double)bench->rows / (double)m.rows,
                               .bytes = (double)(m.rows * row_bytes),
                               .multiply_adds = (double)(m.rows * n),
                               .multiply_add_limit =
                                   weight_type_is_block(type) ? bench->limits.int8 : bench->limits.f32};
    report_memory_and_cache(bench, w, &m);
}

/* ------------------------------------------------------------------ panels */

static char *panel_of(const struct matrix_bench *m, uint32_t thread) { return m->panels + thread * m->panel_bytes; }

static void pack_item(const void *argument, size_t item, uint32_t thread) {
    const struct matrix_bench *m = argument;
    const char *weights = m->weights + (item * m->rows + thread * m->thread_rows) * m->row_bytes;
    m->kernels->pack(panel_of(m, thread), weights, m->row_bytes, m->rows, m->n, NULL);
}

static void gemm_item(const void *argument, size_t item, uint32_t thread) {
    const struct matrix_bench *m = argument;
    const struct strip all = {.n = m->n, .count = m->n};
    struct fetch nothing = {.rows = 0};
    (void)item;
    m->gemm(m->y + thread * m->y_thread, m->y_stride, panel_of(m, thread), m->rows, m->x, m->x_bytes, m->bench->tokens,
            &all, &nothing);
}

static void prompt_item(const void *argument, size_t item, uint32_t thread) {
    const struct matrix_bench *m = argument;
    pack_item(m, item, thread);
    const struct strip all = {.n = m->n, .count = m->n, .bytes = m->row_bytes};
    const struct matrix matrix = {.data = m->weights, .row_bytes = m->row_bytes, .columns = m->n, .type = m->type};
    struct fetch fetch = fetch_of_next(&matrix, m->bench->kernels, item * m->rows, m->rows, &all, m->bench->tokens);
    float *y = m->y + item % (m->y_stride / m->rows) * m->rows; /* as if the matrices followed each other */
    m->gemm(y, m->y_stride, panel_of(m, thread), m->rows, m->x, m->x_bytes, m->bench->tokens, &all, &fetch);
}

/* Weights of `matrices` matrices, a prompt, room for the results of one matrix and for a panel of each thread. */
static struct matrix_bench panels_new(struct bench *bench, enum weight_type type, size_t matrices) {
    const struct kernels *kernels = bench->kernels;
    const enum panel panel = kernels->matrix[type].panel;
    struct matrix_bench m = {
        .bench = bench, .kernels = &kernels->matrix[type], .gemm = kernels->gemm[panel], .type = type};
    m.n = bench->columns;
    m.row_bytes = weight_row_bytes(type, m.n);
    m.rows = kernels->panel_rows;
    m.weights = bench_take_weights(bench, type, m.n, bench->rows * matrices);
    m.x = bench_take_activations(bench, type, m.n, bench->tokens, 0, &m.x_bytes);
    m.y_stride = bench->rows;
    m.y = bench_take(bench, bench->tokens * bench->rows * sizeof *m.y);
    m.panel_bytes = kernels->panel_bytes(panel, m.n);
    m.panels = bench_take(bench, bench->threads * m.panel_bytes);
    return m;
}

static size_t panel_count(const struct bench *bench) { return bench->rows / bench->kernels->panel_rows; }

static void bench_pack(struct bench *bench, enum weight_type type) {
    const char *name = weight_type_names[type];
    if (!bench->kernels->matrix[type].pack || !bench_wants(bench, "pack", name)) return;
    bench_begin(bench);
    const size_t matrices = 1 + MEMORY_BYTES / (bench->rows * weight_row_bytes(type, bench->columns));
    struct matrix_bench m = panels_new(bench, type, matrices);
    const struct workload w = {.group = "pack",
                               .name = name,
                               .item = pack_item,
                               .argument = &m,
                               .items = panel_count(bench) * matrices,
                               .unit_items = (double)panel_count(bench),
                               .bytes = (double)(m.rows * m.row_bytes)};
    report_memory_and_cache(bench, w, &m);
}

static void bench_gemm(struct bench *bench, enum panel panel, const char *name) {
    const struct kernels *kernels = bench->kernels;
    if (!kernels->gemm[panel] || !bench_wants(bench, "gemm", name)) return;
    enum weight_type type = 0;
    while (type < WEIGHT_TYPE_COUNT && !(kernels->matrix[type].pack && kernels->matrix[type].panel == panel)) type++;
    if (type == WEIGHT_TYPE_COUNT) return; /* no type becomes such a panel */

    bench_begin(bench);
    struct matrix_bench m = panels_new(bench, type, 1);
    for (uint32_t thread = 0; thread < bench->threads; thread++) pack_item(&m, thread % panel_count(bench), thread);
    m.y_stride = m.rows;
    m.y_thread = bench->tokens * m.rows;
    m.y = bench_take(bench, bench->threads * m.y_thread * sizeof *m.y);
    char detail[64];
    snprintf(detail, sizeof detail, "%zu x %zu, %zu tokens", m.rows, m.n, bench->tokens);
    bench_report(bench,
                 &(struct workload){.group = "gemm",
                                    .name = name,
                                    .detail = detail,
                                    .item = gemm_item,
                                    .argument = &m,
                                    .items = 1,
                                    .each = true,
                                    .unit_items = 1,
                                    .multiply_adds = (double)(m.rows * m.n * bench->tokens),
                                    .multiply_add_limit = panel == PANEL_F32 ? bench->limits.f32 : bench->limits.int8});
}

static void bench_prompt(struct bench *bench, enum weight_type type) {
    enum { BYTES = 64 << 20 }; /* too many for the caches, too */
    const char *name = weight_type_names[type];
    if (!bench->kernels->matrix[type].pack || !bench_wants(bench, "prompt", name)) return;
    bench_begin(bench);
    const size_t matrices = 1 + BYTES / (bench->rows * weight_row_bytes(type, bench->columns));
    struct matrix_bench m = panels_new(bench, type, matrices);
    char detail[64];
    snprintf(detail, sizeof detail, "%zu x %zu, %zu tokens", bench->rows, m.n, bench->tokens);
    bench_report(bench, &(struct workload){.group = "prompt",
                                           .name = name,
                                           .detail = detail,
                                           .item = prompt_item,
                                           .argument = &m,
                                           .items = panel_count(bench) * matrices,
                                           .unit_items = (double)panel_count(bench),
                                           .multiply_adds = (double)(m.rows * m.n * bench->tokens),
                                           .multiply_add_limit =
                                               weight_type_is_block(type) ? bench->limits.int8 : bench->limits.f32});
}

void matrix_benches(struct bench *bench) {
#define X(NAME, name) bench_matvec(bench, WEIGHT_##NAME);
    RWKV_WEIGHT_TYPES(X)
#undef X
#define X(NAME, name) bench_pack(bench, WEIGHT_##NAME);
    RWKV_WEIGHT_TYPES(X)
#undef X
#define X(NAME, name) bench_gemm(bench, PANEL_##NAME, "panel_" #name);
    RWKV_PANELS(X)
    RWKV_PAIRED_PANELS(X)
#undef X
#define X(NAME, name) bench_prompt(bench, WEIGHT_##NAME);
    RWKV_WEIGHT_TYPES(X)
#undef X
}
