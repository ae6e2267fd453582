/*
 * The vector kernels with NEON. Built with -ffp-contract=off.
 */
#include "../kernels.h"
#include "simd.h"

#include <math.h>
#include <string.h>

#define KERNEL(name) neon_##name
#include "../vector_kernels.inc"

/*
 * Bit for bit what the scalar kernel gives. Absolute values are compared as integers: in this order of all floats,
 * infinity and NaN are the greatest.
 */
void neon_quantise_q8(void *row, const float *x, size_t n, size_t first, size_t count) {
    enum { VECTORS = Q8_GROUP / 4 };
    int8_t *q = (int8_t *)row + first;
    float *scale = (float *)((char *)row + n);
    float *sum = scale + n / Q8_GROUP;
    int16_t *halves = (int16_t *)(sum + n / Q8_GROUP);

    x += first;
    for (size_t group = first / Q8_GROUP; group < (first + count) / Q8_GROUP; group++, q += Q8_GROUP, x += Q8_GROUP) {
        float32x4_t v[VECTORS];
        uint32x4_t largest = vdupq_n_u32(0);
        for (int i = 0; i < VECTORS; i++) {
            v[i] = vld1q_f32(x + 4 * i);
            largest = vmaxq_u32(largest, vreinterpretq_u32_f32(vabsq_f32(v[i])));
        }
        const float max = vget_lane_f32(vreinterpret_f32_u32(vdup_n_u32(vmaxvq_u32(largest))), 0);

        const float inverse = 127 / max;
        if (!isfinite(max) || isinf(inverse)) {
            memset(q, 0, Q8_GROUP);
            scale[group] = sum[group] = isfinite(max) ? 0 : NAN;
            halves[2 * group] = halves[2 * group + 1] = 0;
            continue;
        }

        int total[2];
        for (int half = 0; half < 2; half++) {
            int16x8_t words[2];
            for (int i = 0; i < 2; i++) {
                const float32x4_t *four = v + 4 * half + 2 * i;
                const int32x4_t low = vcvtnq_s32_f32(vmulq_n_f32(four[0], inverse));
                const int32x4_t high = vcvtnq_s32_f32(vmulq_n_f32(four[1], inverse));
                words[i] = vmovn_high_s32(vmovn_s32(low), high);
            }
            vst1q_s8(q + 16 * half, vmovn_high_s16(vmovn_s16(words[0]), words[1]));
            total[half] = vaddvq_s16(vaddq_s16(words[0], words[1])); /* at most 16 * 127 */
            halves[2 * group + (size_t)half] = (int16_t)total[half];
        }
        scale[group] = max / 127;
        sum[group] = scale[group] * (float)(total[0] + total[1]);
    }
}
