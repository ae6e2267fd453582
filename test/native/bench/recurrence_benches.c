/*
 * The recurrences, heads whose states lie in the second cache, for one token and for as many as are computed at once:
 *
 * wkv v4   of 64 channels
 * wkv v5   kernel wkv6 with the same decay for all tokens
 * wkv v6, v7
 *
 * Bytes are those of the state; multiply-adds those of the formulas in kernels.h (v4 has exponentials instead).
 */
#include "bench.h"

#include <stdio.h>

enum { HEAD = 64, HEADS = 8, MOST_TOKENS = 16, WIDTH = HEADS * HEAD };

enum { INPUTS = 6 };

struct recurrence {
    const struct kernels *kernels;
    float *states;      /* [threads][HEADS][HEAD * HEAD] */
    float *inputs;      /* [threads][INPUTS][MOST_TOKENS][WIDTH]: positive and at most 1, so that no state explodes */
    float *y;           /* [threads][MOST_TOKENS][WIDTH] */
    const float *bonus; /* [WIDTH] */
    const float *w4;    /* [WIDTH], negative */
    size_t tokens;
    size_t w_stride;
};

static float *state_of(const struct recurrence *r, size_t head, uint32_t thread) {
    return r->states + (thread * HEADS + head) * HEAD * HEAD;
}

static const float *input_of(const struct recurrence *r, size_t input, size_t head, uint32_t thread) {
    return r->inputs + (thread * INPUTS + input) * MOST_TOKENS * WIDTH + head * HEAD;
}

static float *y_of(const struct recurrence *r, size_t head, uint32_t thread) {
    return r->y + thread * MOST_TOKENS * WIDTH + head * HEAD;
}

static void wkv4_item(const void *argument, size_t head, uint32_t thread) {
    const struct recurrence *r = argument;
    float *state = state_of(r, head, thread);
    r->kernels->wkv4(y_of(r, head, thread), state, state + HEAD, state + 2 * HEAD, input_of(r, 0, head, thread),
                     input_of(r, 1, head, thread), r->w4, r->bonus, r->tokens, WIDTH, HEAD);
}

static void wkv6_item(const void *argument, size_t head, uint32_t thread) {
    const struct recurrence *r = argument;
    r->kernels->wkv6(y_of(r, head, thread), state_of(r, head, thread), input_of(r, 0, head, thread),
                     input_of(r, 1, head, thread), r->w_stride, input_of(r, 2, head, thread),
                     input_of(r, 3, head, thread), r->bonus, r->tokens, WIDTH, HEAD, NULL);
}

static void wkv7_item(const void *argument, size_t head, uint32_t thread) {
    const struct recurrence *r = argument;
    r->kernels->wkv7(y_of(r, head, thread), state_of(r, head, thread), input_of(r, 0, head, thread),
                     input_of(r, 1, head, thread), input_of(r, 2, head, thread), input_of(r, 3, head, thread),
                     input_of(r, 4, head, thread), input_of(r, 5, head, thread), r->tokens, WIDTH, HEAD, NULL);
}

/* state_floats and multiply_adds: of a head, the latter for a token. */
static void bench_recurrence(struct bench *bench, const char *name, void (*item)(const void *, size_t, uint32_t),
                             size_t w_stride, size_t state_floats, size_t multiply_adds) {
    if (!bench_wants(bench, "wkv", name)) return;
    for (size_t tokens = 1; tokens <= MOST_TOKENS; tokens += MOST_TOKENS - 1) {
        bench_begin(bench);
        const size_t threads = bench->threads;
        const struct recurrence r = {
            .kernels = bench->kernels,
            .states = bench_take_random(bench, threads * HEADS * HEAD * HEAD, 0, 1),
            .inputs = bench_take_random(bench, threads * INPUTS * MOST_TOKENS * WIDTH, 0.05f, 0.12f),
            .y = bench_take(bench, threads * MOST_TOKENS * WIDTH * sizeof(float)),
            .bonus = bench_take_random(bench, WIDTH, 0, 1),
            .w4 = bench_take_random(bench, WIDTH, -1, -0.1f),
            .tokens = tokens,
            .w_stride = w_stride,
        };
        char detail[64];
        snprintf(detail, sizeof detail, "a head of %d, %zu token%s", HEAD, tokens, tokens == 1 ? "" : "s");
        bench_report(bench, &(struct workload){.group = "wkv",
                                               .name = name,
                                               .detail = detail,
                                               .item = item,
                                               .argument = &r,
                                               .items = HEADS,
                                               .each = true,
                                               .unit_items = 1,
                                               .bytes = (double)(state_floats * sizeof(float)),
                                               .multiply_adds = (double)(multiply_adds * tokens),
                                               .byte_limit = bench->limits.cache_2,
                                               .multiply_add_limit = bench->limits.f32});
    }
}

void bench_wkv4(struct bench *bench) { bench_recurrence(bench, "v4", wkv4_item, 0, 3 * HEAD, 0); }

void bench_wkv6(struct bench *bench) {
    bench_recurrence(bench, "v5", wkv6_item, 0, HEAD * HEAD, 3 * HEAD * HEAD);
    bench_recurrence(bench, "v6", wkv6_item, WIDTH, HEAD * HEAD, 3 * HEAD * HEAD);
}

void bench_wkv7(struct bench *bench) { bench_recurrence(bench, "v7", wkv7_item, 0, HEAD * HEAD, 5 * HEAD * HEAD); }
