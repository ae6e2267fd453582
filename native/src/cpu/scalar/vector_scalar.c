/*
 * The vector kernels as formulas: the definition that every other tier is tested against.
 *
 * Source of the mathematics: Peng et al., "RWKV: Reinventing RNNs for the Transformer Era" (2023, RWKV-4), "Eagle and
 * Finch" (2024, RWKV-5 and 6), "RWKV-7 Goose" (2025). Activations and states are float; sums are kept in double and
 * rounded once. Built with -ffp-contract=off, so that what is written is what is computed.
 */
#include "../kernels.h"

#include <math.h>

#define X(name, arguments) void scalar_##name arguments;
RWKV_VECTOR_KERNELS(X)
#undef X

/* ------------------------------------------------------------------ norms */

void scalar_layer_norm(float *y, const float *x, const float *weight, const float *bias, float epsilon, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    double mean = sum / (double)n;

    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    double variance = squares / (double)n;

    double scale = 1 / sqrt(variance + epsilon);
    for (size_t i = 0; i < n; i++) y[i] = (float)((x[i] - mean) * scale) * weight[i] + bias[i];
}

void scalar_l2_normalise(float *y, const float *x, size_t n) {
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += (double)x[i] * x[i];
    double norm = fmax(sqrt(squares), 1e-12);
    for (size_t i = 0; i < n; i++) y[i] = (float)(x[i] / norm);
}

/* ------------------------------------------------------------------ elementwise */

void scalar_lerp(float *y, const float *a, const float *b, const float *m, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] + (b[i] - a[i]) * m[i];
}

void scalar_add(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

void scalar_add_scaled(float *y, const float *a, const float *b, float s, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i] * s;
}

void scalar_multiply(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] * b[i];
}

/* 1 / (1 + e^-x), written so that the exponential cannot overflow and small results keep their precision. */
static float sigmoid(float x) {
    float e = expf(-fabsf(x));
    return (x < 0 ? e : 1) / (1 + e);
}

void scalar_sigmoid(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = sigmoid(x[i]);
}

void scalar_hyperbolic_tangent(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = tanhf(x[i]);
}

void scalar_silu(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] * sigmoid(x[i]);
}

void scalar_relu_squared(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float positive = x[i] < 0 ? 0 : x[i];
        y[i] = positive * positive;
    }
}

void scalar_exp_negative_exp(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = expf(-expf(x[i]));
}

void scalar_decay_sigmoid(float *y, const float *x, size_t n) {
    const float inverse_sqrt_e = 0.60653066f;
    for (size_t i = 0; i < n; i++) y[i] = expf(-inverse_sqrt_e * sigmoid(x[i]));
}

void scalar_add_bonus(float *y, const float *r, const float *k, const float *u, const float *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)r[i] * k[i] * u[i];
    float bonus = (float)sum;
    for (size_t i = 0; i < n; i++) y[i] += v[i] * bonus;
}

/* ------------------------------------------------------------------ activations for the integer kernels */

/*
 * A group with a value that is not finite becomes zeros with a scale of NaN, so that the fault shows in every product.
 * A group whose largest value is so small (below 4e-37) that 127 / max overflows becomes zeros.
 */
void scalar_quantise_q8(void *row, const float *x, size_t n, size_t first, size_t count) {
    int8_t *q = (int8_t *)row + first;
    float *scale = (float *)((char *)row + n);
    float *sum = scale + n / Q8_GROUP;
    int16_t *halves = (int16_t *)(sum + n / Q8_GROUP);
    x += first;
    for (size_t group = first / Q8_GROUP; group < (first + count) / Q8_GROUP; group++, q += Q8_GROUP, x += Q8_GROUP) {
        bool finite = true;
        float max = 0;
        for (size_t i = 0; i < Q8_GROUP; i++) {
            finite = finite && isfinite(x[i]);
            max = fmaxf(max, fabsf(x[i]));
        }
        float inverse = 127 / max;
        bool zero = !finite || isinf(inverse);

        int total[2] = {0, 0};
        for (size_t i = 0; i < Q8_GROUP; i++) {
            q[i] = zero ? 0 : (int8_t)nearbyintf(x[i] * inverse);
            total[i / 16] += q[i];
        }
        for (size_t half = 0; half < 2; half++) halves[2 * group + half] = (int16_t)total[half];
        scale[group] = !finite ? NAN : zero ? 0 : max / 127;
        sum[group] = scale[group] * (float)(total[0] + total[1]);
    }
}

/* ------------------------------------------------------------------ time mix */

/*
 * The state (aa, bb) is the numerator and the denominator of the weighted mean, both scaled by e^-pp, so that no
 * exponential of a key is formed: all arguments of exp are at most 0.
 */
void scalar_wkv4(float *y, float *aa, float *bb, float *pp, const float *k, const float *v, const float *w,
                 const float *u, size_t tokens, size_t stride, size_t n) {
    for (size_t t = 0; t < tokens; t++, y += stride, k += stride, v += stride) {
        for (size_t i = 0; i < n; i++) {
            float q = fmaxf(pp[i], u[i] + k[i]);
            float e1 = expf(pp[i] - q);
            float e2 = expf(u[i] + k[i] - q);
            float output = (e1 * aa[i] + e2 * v[i]) / (e1 * bb[i] + e2);

            q = fmaxf(pp[i] + w[i], k[i]);
            e1 = expf(pp[i] + w[i] - q);
            e2 = expf(k[i] - q);
            aa[i] = e1 * aa[i] + e2 * v[i];
            bb[i] = e1 * bb[i] + e2;
            pp[i] = q;
            y[i] = output;
        }
    }
}

void scalar_wkv6(float *y, float *s, const float *r, const float *w, size_t w_stride, const float *k, const float *v,
                 const float *u, size_t tokens, size_t stride, size_t n, const float *next) {
    (void)next;
    for (size_t t = 0; t < tokens; t++, y += stride, r += stride, w += w_stride, k += stride, v += stride) {
        for (size_t i = 0; i < n; i++) {
            float *s_i = s + i * n;
            double sum = 0;
            for (size_t j = 0; j < n; j++) {
                sum += r[j] * (s_i[j] + (double)u[j] * k[j] * v[i]);
                s_i[j] = w[j] * s_i[j] + k[j] * v[i];
            }
            y[i] = (float)sum;
        }
    }
}

void scalar_wkv7(float *y, float *s, const float *r, const float *w, const float *k, const float *v, const float *kappa,
                 const float *a, size_t tokens, size_t stride, size_t n, const float *next) {
    (void)next;
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < n; i++) {
            float *s_i = s + i * n;
            double p = 0;
            for (size_t j = 0; j < n; j++) p += (double)s_i[j] * kappa[j];

            double sum = 0;
            for (size_t j = 0; j < n; j++) {
                s_i[j] = s_i[j] * w[j] - (float)p * kappa[j] * a[j] + v[i] * k[j];
                sum += (double)s_i[j] * r[j];
            }
            y[i] = (float)sum;
        }
        y += stride, r += stride, w += stride, k += stride, v += stride, kappa += stride, a += stride;
    }
}
