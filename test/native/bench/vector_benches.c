/*
 * vector NAME: the vector kernels, on data in the second cache, as activations are: they outlive the first one from one
 * operation to the next. Made from RWKV_VECTOR_KERNELS, so that a kernel without a benchmark does not compile.
 */
#include "bench.h"

#include <stdio.h>

/* Vectors that are worked on in turn, so that they do not stay in the first cache. */
enum { SETS = 5, INPUTS = 5 };

typedef void vector_call(const struct kernels *kernels, float *y, const float *const x[INPUTS], size_t n);

struct vector_bench {
    const struct kernels *kernels;
    vector_call *call;
    float *data; /* [threads][SETS][1 + INPUTS][n]: y, then x */
    size_t n;
};

static void vector_item(const void *argument, size_t item, uint32_t thread) {
    const struct vector_bench *v = argument;
    float *y = v->data + (thread * SETS + item) * (1 + INPUTS) * v->n;
    const float *x[INPUTS];
    for (size_t i = 0; i < INPUTS; i++) x[i] = y + (1 + i) * v->n;
    v->call(v->kernels, y, x, v->n);
}

/* `inputs` of the vectors are read. */
static void bench_vector(struct bench *bench, const char *name, size_t inputs, vector_call *call) {
    if (!bench_wants(bench, "vector", name)) return;
    bench_begin(bench);
    struct vector_bench v = {.kernels = bench->kernels, .call = call, .n = bench->columns};
    v.data = bench_take_random(bench, bench->threads * SETS * (1 + INPUTS) * v.n, 0.1f, 1);
    char detail[64];
    snprintf(detail, sizeof detail, "%zu floats", v.n);
    bench_report(bench, &(struct workload){.group = "vector",
                                           .name = name,
                                           .detail = detail,
                                           .item = vector_item,
                                           .argument = &v,
                                           .items = SETS,
                                           .each = true,
                                           .unit_items = 1,
                                           .bytes = (double)(inputs * v.n * sizeof(float)),
                                           .byte_limit = bench->limits.cache_2});
}

/* Defines bench_NAME: what is called, and how many vectors that reads. */
#define VECTOR(name, inputs, ...)                                                                                      \
    static void call_##name(const struct kernels *kernels, float *y, const float *const x[INPUTS], size_t n) {         \
        kernels->name(__VA_ARGS__);                                                                                    \
    }                                                                                                                  \
    static void bench_##name(struct bench *bench) { bench_vector(bench, #name, inputs, call_##name); }

VECTOR(layer_norm, 3, y, x[0], x[1], x[2], 1e-5f, n)
VECTOR(lerp, 3, y, x[0], x[1], x[2], n)
VECTOR(add, 2, y, x[0], x[1], n)
VECTOR(add_scaled, 2, y, x[0], x[1], 0.5f, n)
VECTOR(multiply, 2, y, x[0], x[1], n)
VECTOR(sigmoid, 1, y, x[0], n)
VECTOR(hyperbolic_tangent, 1, y, x[0], n)
VECTOR(silu, 1, y, x[0], n)
VECTOR(relu_squared, 1, y, x[0], n)
VECTOR(exp_negative_exp, 1, y, x[0], n)
VECTOR(decay_sigmoid, 1, y, x[0], n)
VECTOR(l2_normalise, 1, y, x[0], n)
VECTOR(add_bonus, 5, y, x[0], x[1], x[2], x[3], n)
VECTOR(quantise_q8, 1, y, x[0], n, 0, n)
VECTOR(quantise_paired, 1, y, 0, x[0], 0, 1, n, 0, n)

void vector_benches(struct bench *bench) {
#define X(name, arguments) bench_##name(bench);
    RWKV_VECTOR_KERNELS(X)
#undef X
    if (bench->kernels->quantise_paired) bench_quantise_paired(bench);
}
