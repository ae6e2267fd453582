#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/thread.h"
#include "quant/blocks.h"

const char *const weight_type_names[] = {
#define X(NAME, name) #name,
    RWKV_WEIGHT_TYPES(X)
#undef X
};

bool bench_wants(const struct bench *bench, const char *group, const char *name) {
    for (size_t i = 0; i < bench->word_count; i++)
        if (strcmp(bench->words[i], group) != 0 && strcmp(bench->words[i], name) != 0) return false;
    return true;
}

/* ------------------------------------------------------------------ data */

enum { ALIGNMENT = 64, SPARE_BYTES = 256 << 20 };

void bench_begin(struct bench *bench) {
    if (!bench->memory) bench->memory = malloc((size_t)MEMORY_BYTES + SPARE_BYTES);
    bench->taken = (0 - (size_t)(uintptr_t)bench->memory) % ALIGNMENT;
}

void *bench_take(struct bench *bench, size_t bytes) {
    const size_t room = (size_t)MEMORY_BYTES + SPARE_BYTES - bench->taken;
    if (!bench->memory || bytes > room) {
        fprintf(stderr, "kernel_bench: no memory for %zu bytes\n", bytes);
        exit(EXIT_FAILURE);
    }
    void *taken = bench->memory + bench->taken;
    bench->taken += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return taken;
}

static float random_float(float low, float high) {
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return low + (high - low) * ((float)(state >> 8) * 0x1p-24f);
}

float *bench_take_random(struct bench *bench, size_t n, float low, float high) {
    float *floats = bench_take(bench, n * sizeof *floats);
    for (size_t i = 0; i < n; i++) floats[i] = random_float(low, high);
    return floats;
}

void *bench_take_activations(struct bench *bench, enum weight_type type, size_t n, size_t count, double zeros,
                             size_t *row_bytes) {
    const bool block = weight_type_is_block(type), paired = bench->kernels->quantise_paired;
    *row_bytes = !block ? n * sizeof(float) : paired ? paired_row_bytes(n) : q8_row_bytes(n);
    char *rows = bench_take(bench, count * *row_bytes);
    float *x = bench_take(bench, n * sizeof *x);
    for (size_t row = 0; row < count; row++) {
        for (size_t i = 0; i < n; i++) x[i] = random_float(0, 1) < zeros ? 0 : random_float(-1, 1);
        char *to = rows + row * *row_bytes;
        if (!block)
            memcpy(to, x, *row_bytes);
        else if (paired)
            bench->kernels->quantise_paired(to, 0, x, 0, 1, n, 0, n);
        else
            bench->kernels->quantise_q8(to, x, n, 0, n);
    }
    return rows;
}

char *bench_take_weights(struct bench *bench, enum weight_type type, size_t n, size_t count) {
    enum { DIFFERENT = 16 };
    const size_t row_bytes = weight_row_bytes(type, n);
    float *values = bench_take(bench, n * sizeof *values);
    char *rows = bench_take(bench, count * row_bytes);
    for (size_t row = 0; row < count; row++) {
        if (row >= DIFFERENT) {
            memcpy(rows + row * row_bytes, rows + row % DIFFERENT * row_bytes, row_bytes);
            continue;
        }
        for (size_t i = 0; i < n; i++) values[i] = random_float(-1, 1);
        encode_row(type, rows + row * row_bytes, values, n);
    }
    return rows;
}

/* ------------------------------------------------------------------ time */

enum { SAMPLES = 15 };

/* A sample lasts at least as long, so that starting the threads does not count. */
static const double min_sample_seconds = 0.002;

struct sample {
    const struct workload *workload;
    size_t passes;
};

static void run(void *argument, struct worker *worker) {
    const struct sample *sample = argument;
    const struct workload *w = sample->workload;
    for (size_t pass = 0; pass < sample->passes; pass++) {
        if (w->each) {
            for (size_t item = 0; item < w->items; item++) w->item(w->argument, item, worker->index);
            continue;
        }
        for (size_t item; (item = pool_take(worker, w->items)) < w->items;) w->item(w->argument, item, worker->index);
        pool_barrier(worker);
    }
}

static double sample_seconds(const struct bench *bench, struct sample *sample) {
    const uint64_t begin = thread_nanoseconds();
    pool_run(bench->pool, run, sample);
    return (double)(thread_nanoseconds() - begin) * 1e-9;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_seconds(const struct bench *bench, const struct workload *workload, double *spread) {
    struct sample sample = {.workload = workload, .passes = 1};
    sample_seconds(bench, &sample); /* to warm up */
    const double once = sample_seconds(bench, &sample);
    if (once < min_sample_seconds) sample.passes = (size_t)ceil(min_sample_seconds / fmax(once, 1e-8));

    double seconds[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++) seconds[i] = sample_seconds(bench, &sample) / (double)sample.passes;
    qsort(seconds, SAMPLES, sizeof *seconds, compare);
    const double median = seconds[SAMPLES / 2];
    *spread = (seconds[SAMPLES * 3 / 4] - seconds[SAMPLES / 4]) / median;
    return median;
}

/* ------------------------------------------------------------------ the table */

void bench_print_titles(void) {
    printf("%-26s %-30s %10s %7s %7s %6s %9s %6s\n", "kernel", "on", "time", "spread", "GB/s", "share", "G m-a/s",
           "share");
}

static void print_time(double seconds) {
    if (seconds >= 1e-3)
        printf(" %7.3f ms", seconds * 1e3);
    else if (seconds >= 1e-6)
        printf(" %7.3f us", seconds * 1e6);
    else
        printf(" %7.1f ns", seconds * 1e9);
}

/* A rate in 10^9 a second, and what share of the limit it is. */
static void print_rate(int width, double rate, double limit) {
    if (!(rate > 0)) {
        printf(" %*s %6s", width, "-", "-");
        return;
    }
    printf(" %*.1f", width, rate * 1e-9);
    if (limit > 0)
        printf(" %4.0f %%", 100 * rate / limit);
    else
        printf(" %6s", "-");
}

void bench_report(struct bench *bench, const struct workload *w) {
    double spread;
    const double seconds = bench_seconds(bench, w, &spread);
    const double items = (double)w->items * (w->each ? bench->threads : 1);
    char kernel[32];
    snprintf(kernel, sizeof kernel, "%s %s", w->group, w->name);
    printf("%-26s %-30s", kernel, w->detail);
    print_time(seconds / (double)w->items * w->unit_items);
    printf(" %5.1f %%", 100 * spread);
    print_rate(7, items * w->bytes / seconds, w->byte_limit);
    print_rate(9, items * w->multiply_adds / seconds, w->multiply_add_limit);
    printf("\n");
    fflush(stdout);
    bench->reported++;
}
