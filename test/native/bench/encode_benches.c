/* encode TYPE: rows of floats to blocks, with a search for their scales. Bytes are those of the floats. */
#include "bench.h"

#include <stdio.h>

struct encode_bench {
    encode_kernel *encode;
    char *y; /* [threads], as much room as for x */
    const float *x;
    size_t n;
};

static void encode_item(const void *argument, size_t item, uint32_t thread) {
    const struct encode_bench *e = argument;
    (void)item;
    e->encode(e->y + thread * e->n * sizeof *e->x, e->x, NULL, e->n);
}

static void bench_encode(struct bench *bench, enum weight_type type) {
    const char *name = weight_type_names[type];
    if (!bench->kernels->encode[type] || !bench_wants(bench, "encode", name)) return;
    bench_begin(bench);
    struct encode_bench e = {.encode = bench->kernels->encode[type], .n = bench->columns};
    e.x = bench_take_random(bench, e.n, -1, 1);
    e.y = bench_take(bench, bench->threads * e.n * sizeof *e.x);
    char detail[64];
    snprintf(detail, sizeof detail, "%zu values", e.n);
    bench_report(bench, &(struct workload){.group = "encode",
                                           .name = name,
                                           .detail = detail,
                                           .item = encode_item,
                                           .argument = &e,
                                           .items = 1,
                                           .each = true,
                                           .unit_items = 1,
                                           .bytes = (double)(e.n * sizeof *e.x)});
}

void encode_benches(struct bench *bench) {
#define X(NAME, name) bench_encode(bench, WEIGHT_##NAME);
    RWKV_BLOCK_TYPES(X)
#undef X
}
