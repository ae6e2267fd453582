/*
 * The vector wrapper of search.inc for every processor: one float, which the compiler may make vectors of.
 */
#ifndef RWKV_SIMD_SCALAR_H
#define RWKV_SIMD_SCALAR_H

#include <math.h>
#include <stdbool.h>

#define SIMD_LANES 1

typedef float simd_f32;
typedef bool simd_mask;

static inline simd_f32 simd_set(float x) { return x; }
static inline simd_f32 simd_zero(void) { return 0; }
static inline simd_f32 simd_load(const float *p, int lanes) {
    (void)lanes;
    return *p;
}
static inline void simd_store(float *p, simd_f32 x, int lanes) {
    (void)lanes;
    *p = x;
}
static inline simd_f32 simd_add(simd_f32 a, simd_f32 b) { return a + b; }
static inline simd_f32 simd_sub(simd_f32 a, simd_f32 b) { return a - b; }
static inline simd_f32 simd_mul(simd_f32 a, simd_f32 b) { return a * b; }
static inline simd_f32 simd_div(simd_f32 a, simd_f32 b) { return a / b; }
/* b where either is NaN */
static inline simd_f32 simd_max(simd_f32 a, simd_f32 b) { return a > b ? a : b; }
static inline simd_f32 simd_min(simd_f32 a, simd_f32 b) { return a < b ? a : b; }
static inline simd_f32 simd_abs(simd_f32 x) { return fabsf(x); }
static inline simd_mask simd_less(simd_f32 a, simd_f32 b) { return a < b; }
/* mask ? a : b */
static inline simd_f32 simd_select(simd_mask mask, simd_f32 a, simd_f32 b) { return mask ? a : b; }
/* To the nearest integer for |x| < 2^22, ties to even. */
static inline simd_f32 simd_round(simd_f32 x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

#endif
