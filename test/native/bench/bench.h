/*
 * How a kernel is measured: a pass over some items of work is timed again and again on all threads of a pool, and the
 * median becomes a line of the table, beside the limits of the machine (limits.h).
 */
#ifndef RWKV_BENCH_H
#define RWKV_BENCH_H

#include "cpu/kernels.h"
#include "cpu/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the machine can do at best, all threads together. 0: not known. */
struct limits {
    double memory, cache_2, cache_1; /* bytes that are read in a second: from memory, the second and the first cache */
    double int8, f32;                /* multiply-adds in a second */
};

/* Bytes for each thread that fit into the caches of any processor of today. */
enum { CACHE_1_BYTES = 16 << 10, CACHE_2_BYTES = 256 << 10 };

/* Bytes that no cache holds: what is read from memory. */
enum { MEMORY_BYTES = 256 << 20 };

struct bench {
    const struct kernels *kernels;
    struct pool *pool;
    uint32_t threads;
    size_t rows, columns, tokens; /* of matrices and of prompts */
    char **words;                 /* what was asked for: names of kernels, of groups of them, of types */
    size_t word_count;
    struct limits limits;
    char *memory; /* of the data, see bench_take */
    size_t taken;
    size_t reported; /* lines of the table */
};

/* What is measured. The threads share the items of a pass, unless `each`: then each of them does all of them, with data
 * of its own. */
struct workload {
    const char *group, *name; /* "matvec", "q4_0" */
    const char *detail;       /* on what: "2048 x 2048, memory" */
    void (*item)(const void *argument, size_t item, uint32_t thread);
    const void *argument;
    size_t items;
    bool each;
    double unit_items;    /* as many items are what a user calls one operation, whose time is reported */
    double bytes;         /* that an item reads */
    double multiply_adds; /* that an item does; 0: not what it is about */
    double byte_limit;    /* of struct limits */
    double multiply_add_limit;
};

/* Whether it was asked for: every word is the group or the name, or there are none. */
bool bench_wants(const struct bench *bench, const char *group, const char *name);

/* Lets the next benchmark take all of the memory. */
void bench_begin(struct bench *bench);

/* Room for so many bytes, aligned to 64; ends the program if there is none. */
void *bench_take(struct bench *bench, size_t bytes);

/* The same for n floats, uniform in [low, high). */
float *bench_take_random(struct bench *bench, size_t n, float low, float high);

/* The same for `count` rows of n activations as the kernels for a type want them, of which about the given share are
 * zeros; *row_bytes receives how far apart they lie. */
void *bench_take_activations(struct bench *bench, enum weight_type type, size_t n, size_t count, double zeros,
                             size_t *row_bytes);

/* The same for `count` rows of n weights of a type, of which the first few are random and the others like them. */
char *bench_take_weights(struct bench *bench, enum weight_type type, size_t n, size_t count);

/* Seconds of a pass: the median. spread: receives the middle half of all, as a share of it. */
double bench_seconds(const struct bench *bench, const struct workload *workload, double *spread);

void bench_print_titles(void);

/* Measures, and prints a line. */
void bench_report(struct bench *bench, const struct workload *workload);

/* ------------------------------------------------------------------ the benchmarks, each in a file of its name */

void matrix_benches(struct bench *bench);
void column_benches(struct bench *bench);
void encode_benches(struct bench *bench);
void vector_benches(struct bench *bench);

/* Of the list of vector kernels, those that are loops over tokens. */
void bench_wkv4(struct bench *bench);
void bench_wkv6(struct bench *bench);
void bench_wkv7(struct bench *bench);

/* "q4_0" */
extern const char *const weight_type_names[WEIGHT_TYPE_COUNT];

#endif
