/* The exponential of vector_kernels.inc by itself: every 61st float, in units in the last place. */
#include "check.h"

#include <float.h>
#include <math.h>
#include <string.h>

#if defined(__x86_64__) || defined(_M_X64)
#define HAS_VECTORS
#include "cpu/avx2/simd.h"

static bool can_run(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

#elif defined(__aarch64__)
#define HAS_VECTORS
#include "cpu/neon/simd.h"

static bool can_run(void) { return true; }
#endif

#ifdef HAS_VECTORS

#include "cpu/kernels.h"
#define KERNEL(name) unused_##name
#include "cpu/vector_kernels.inc"

static float largest_in(double worst, double error, float x, float *worst_x) {
    if (!(error <= worst)) *worst_x = x;
    return (float)fmax(worst, isnan(error) ? INFINITY : error);
}

/* Arguments whose result is a normal float: errors relative to it. Below: in units of the least subnormal, 2^-149. */
static void sweep(void) {
    double normal = 0, subnormal = 0;
    float normal_x = 0, subnormal_x = 0;
    float x[SIMD_LANES], y[SIMD_LANES];
    uint32_t last;
    float lowest = 110;
    memcpy(&last, &lowest, sizeof last);
    for (uint32_t bits = 0; bits < last; bits += 61 * SIMD_LANES / 2) {
        for (uint32_t i = 0; i < SIMD_LANES; i += 2) {
            uint32_t these = bits + 61 * i / 2;
            memcpy(x + i, &these, sizeof these);
            x[i + 1] = -x[i];
        }
        simd_store(y, exponential(simd_load(x, SIMD_LANES)), SIMD_LANES);
        for (size_t i = 0; i < SIMD_LANES; i++) {
            double expected = exp(x[i]);
            if (expected > FLT_MAX) /* the float nearest to it may still be the largest one */
                CHECK(isinf(y[i]) || (expected < 0x1.ffffffp+127 && y[i] == FLT_MAX), "exp(%.9g) is %.9g", x[i], y[i]);
            else if (expected >= FLT_MIN)
                normal = largest_in(normal, fabs(y[i] - expected) / ldexp(1, ilogb(expected) - 23), x[i], &normal_x);
            else
                subnormal = largest_in(subnormal, fabs(y[i] - expected) / 0x1p-149, x[i], &subnormal_x);
        }
    }
    printf("largest error %.3f ulp at %.9g; of subnormal results %.3f at %.9g\n", normal, normal_x, subnormal,
           subnormal_x);
    CHECK(normal <= 2, "%.3f ulp at %.9g", normal, normal_x);
    CHECK(subnormal <= 1.5, "%.3f units of 2^-149 at %.9g", subnormal, subnormal_x);
}

static void limits(void) {
    const float x[] = {0, -0.0f, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, NAN, 89, -104, 1e-45f, 88.7228317f};
    const float expected[] = {1, 1, INFINITY, 0, INFINITY, 0, NAN, INFINITY, 0, 1, 0x1.ffff08p+127f};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        float y[SIMD_LANES];
        simd_store(y, exponential(simd_set(x[i])), SIMD_LANES);
        bool same = isnan(expected[i]) ? isnan(y[0]) : y[0] == expected[i];
        CHECK(same || fabsf(y[0] - expected[i]) <= 0x1p-22f * expected[i], "exp(%g) is %g", x[i], y[0]);
        CHECK(isinf(y[0]) == isinf(expected[i]), "exp(%g) is %g", x[i], y[0]);
    }
}

int main(void) {
    if (!can_run()) {
        printf("skipped: this processor has no AVX2\n");
        return 77;
    }
    limits();
    sweep();
    return check_result();
}

#else

int main(void) {
    printf("skipped: no instruction set of this processor has vector kernels\n");
    return 77;
}

#endif
