/*
 * The mathematics of RWKV-4 to 7 in double precision, one token of one text after the other, written from the formulas
 * and with nothing shared with the engine. Where weights are in a block format activations are rounded to 8 bits as
 * kernels.h says, in groups of 32.
 */
#ifndef RWKV_REFERENCE_MODEL_H
#define RWKV_REFERENCE_MODEL_H

#include "random_model.h"

#define MOST 1024 /* values of a vector */

struct reference {
    const struct random_model *random;
    int activation_limit; /* of activations, as integers, whose sign is not that of the largest */
    double *state;        /* as rwkv_state_get has it */
    uint64_t state_floats;
    double v_first[MOST];
};

static inline struct reference reference_make(const struct random_model *random, int activation_limit) {
    const struct shape *shape = &random->shape;
    const uint64_t width = shape->width, wkv = width * (shape->version == 4 ? 3 : shape->head_size);
    struct reference reference = {
        .random = random, .activation_limit = activation_limit, .state_floats = shape->layers * (2 * width + wkv)};
    CHECK(width <= MOST && shape->hidden <= MOST, "a vector is too long");
    reference.state = check_allocate(reference.state_floats * sizeof(double));
    for (uint64_t i = 0; i < reference.state_floats; i++)
        reference.state[i] = shape->version == 4 && i / width % 5 == 3 ? -1e30 : 0;
    return reference;
}

static inline void reference_free(struct reference *reference) { free(reference->state); }

/* ------------------------------------------------------------------ building blocks */

static inline const float *values_of(const struct reference *reference, int layer, const char *name) {
    return reference->random->values[random_model_find(reference->random, layer, name)];
}

static inline double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static inline double silu(double x) { return x * sigmoid(x); }

static inline double square_if_positive(double x) { return x > 0 ? x * x : 0; }

static inline double same(double x) { return x; }

static inline void normalise(double *y, const double *x, const float *weight, const float *bias, double epsilon,
                             uint32_t n) {
    double mean = 0, variance = 0;
    for (uint32_t i = 0; i < n; i++) mean += x[i] / n;
    for (uint32_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean) / n;
    for (uint32_t i = 0; i < n; i++) y[i] = (x[i] - mean) / sqrt(variance + epsilon) * weight[i] + bias[i];
}

static inline void layer_norm(const struct reference *reference, int layer, const char *name, double *y,
                              const double *x) {
    char part[64];
    snprintf(part, sizeof part, "%s.weight", name);
    const float *weight = values_of(reference, layer, part);
    snprintf(part, sizeof part, "%s.bias", name);
    normalise(y, x, weight, values_of(reference, layer, part), 1e-5, reference->random->shape.width);
}

/* To 8 bits, each 32 with a scale of their own: the largest magnitude to at most 127, those of the other sign to at
 * most `limit`. */
static inline void round_to_8_bits(double *y, const double *x, uint32_t n, int limit) {
    for (uint32_t first = 0; first < n; first += 32) {
        double most = 0, least = 0;
        for (uint32_t i = first; i < first + 32; i++) {
            most = fmax(most, x[i]);
            least = fmax(least, -x[i]);
        }
        const double scale = fmax(fmax(most, least) / 127, fmin(most, least) / limit);
        for (uint32_t i = first; i < first + 32; i++) y[i] = scale > 0 ? nearbyint(x[i] / scale) * scale : 0;
    }
}

/* y = f(W x), where W is number `part` of the matrices {columns, rows} in a tensor. */
static inline void product(const struct reference *reference, int layer, const char *name, uint32_t part, double *y,
                           const double *x, double f(double)) {
    const uint64_t index = random_model_find(reference->random, layer, name);
    const struct rwkv_tensor *tensor = &reference->random->tensors[index];
    const uint64_t columns = tensor->dims[0], rows = tensor->dims[1];
    const float *weights = reference->random->values[index] + part * rows * columns;
    double rounded[MOST];
    if (type_info(tensor->type).block_elements > 1)
        round_to_8_bits(rounded, x, (uint32_t)columns, reference->activation_limit);
    else
        memcpy(rounded, x, columns * sizeof *x);
    for (uint64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (uint64_t i = 0; i < columns; i++) sum += weights[r * columns + i] * rounded[i];
        y[r] = f(sum);
    }
}

static inline void lerp(double *y, const double *a, const double *b, const float *weight, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) y[i] = a[i] + (b[i] - a[i]) * weight[i];
}

/* y = f(base + second (inner(first x))) */
static inline void low_rank(const struct reference *reference, int layer, char letter, double inner(double),
                            double f(double), double *y, const double *x) {
    double z[MOST];
    char part[64];
    snprintf(part, sizeof part, "time_mix_%c1.weight", letter);
    product(reference, layer, part, 0, z, x, inner);
    snprintf(part, sizeof part, "time_mix_%c2.weight", letter);
    product(reference, layer, part, 0, y, z, same);
    snprintf(part, sizeof part, "time_mix_%c0.weight", letter);
    const float *base = letter == 'g' ? NULL : values_of(reference, layer, part);
    for (uint32_t i = 0; i < reference->random->shape.width; i++) y[i] = f(y[i] + (base ? base[i] : 0));
}

/* ------------------------------------------------------------------ time mix: y = what the output matrix multiplies */

static inline void time_mix_4(struct reference *reference, int layer, double *y, const double *h, double *state) {
    const uint32_t n = reference->random->shape.width;
    const float *lerps = values_of(reference, layer, "time_mix_lerp_fused.weight");
    const float *decay = values_of(reference, layer, "time_mix_decay.weight");
    const float *first = values_of(reference, layer, "time_mix_first.weight");
    double x[MOST], k[MOST], v[MOST], r[MOST], *aa = state + n, *bb = aa + n, *pp = bb + n;
    lerp(x, h, state, lerps, n);
    product(reference, layer, "time_mix_key.weight", 0, k, x, same);
    lerp(x, h, state, lerps + n, n);
    product(reference, layer, "time_mix_value.weight", 0, v, x, same);
    lerp(x, h, state, lerps + 2 * n, n);
    product(reference, layer, "time_mix_receptance.weight", 0, r, x, sigmoid);
    for (uint32_t i = 0; i < n; i++) {
        double q = fmax(pp[i], first[i] + k[i]);
        double e1 = exp(pp[i] - q), e2 = exp(first[i] + k[i] - q);
        y[i] = r[i] * (e1 * aa[i] + e2 * v[i]) / (e1 * bb[i] + e2);
        const double decayed = pp[i] - exp(decay[i]);
        q = fmax(decayed, k[i]);
        e1 = exp(decayed - q);
        e2 = exp(k[i] - q);
        aa[i] = e1 * aa[i] + e2 * v[i];
        bb[i] = e1 * bb[i] + e2;
        pp[i] = q;
    }
}

/* The recurrence of 5 and 6, and the group norm. s[value][key]. */
static inline void linear_attention(const struct reference *reference, int layer, double *y, double *s, const double *r,
                                    const double *w, const double *k, const double *v) {
    const uint32_t n = reference->random->shape.head_size, width = reference->random->shape.width;
    const float *first = values_of(reference, layer, "time_mix_first.weight");
    const float *weight = values_of(reference, layer, "time_mix_ln.weight");
    const float *bias = values_of(reference, layer, "time_mix_ln.bias");
    for (uint32_t c = 0; c < width; c += n) {
        for (uint32_t i = c; i < c + n; i++) {
            y[i] = 0;
            for (uint32_t j = c; j < c + n; j++, s++) {
                y[i] += r[j] * (*s + first[j] * k[j] * v[i]);
                *s = w[j] * *s + k[j] * v[i];
            }
        }
        normalise(y + c, y + c, weight + c, bias + c, 64e-5, n);
    }
}

static inline void time_mix_5(struct reference *reference, int layer, double *y, const double *h, double *state) {
    const struct shape *shape = &reference->random->shape;
    const uint32_t n = shape->width;
    const float *lerps = values_of(reference, layer, "time_mix_lerp_fused.weight");
    const float *decay = values_of(reference, layer, "time_mix_decay.weight");
    double x[MOST], k[MOST], v[MOST], r[MOST], g[MOST], w[MOST];
    lerp(x, h, state, lerps, n);
    product(reference, layer, "time_mix_key.weight", 0, k, x, same);
    lerp(x, h, state, lerps + n, n);
    product(reference, layer, "time_mix_value.weight", 0, v, x, same);
    lerp(x, h, state, lerps + 2 * n, n);
    product(reference, layer, "time_mix_receptance.weight", 0, r, x, same);
    for (uint32_t i = 0; i < n; i++) w[i] = exp(-exp(decay[i]));
    linear_attention(reference, layer, y, state + n, r, w, k, v);
    if (!shape->gate) return;
    lerp(x, h, state, lerps + 3 * n, n);
    product(reference, layer, "time_mix_gate.weight", 0, g, x, silu);
    for (uint32_t i = 0; i < n; i++) y[i] *= g[i];
}

/* x = lerp(h, h', lerp_c + w2_c z_c) for group c of w k v r g. */
static inline void dynamic_lerp(const struct reference *reference, int layer, double *x, const double *h,
                                const double *previous, uint32_t c, const double *z) {
    static const char *const names[] = {"time_mix_lerp_w.weight", "time_mix_lerp_k.weight", "time_mix_lerp_v.weight",
                                        "time_mix_lerp_r.weight", "time_mix_lerp_g.weight"};
    const struct shape *shape = &reference->random->shape;
    const uint32_t n = shape->width;
    const float *weight = shape->separate_lerps ? values_of(reference, layer, names[c])
                                                : values_of(reference, layer, "time_mix_lerp_fused.weight") + c * n;
    double m[MOST];
    product(reference, layer, "time_mix_w2.weight", c, m, z + c * shape->ranks[0], same);
    for (uint32_t i = 0; i < n; i++) x[i] = h[i] + (previous[i] - h[i]) * (weight[i] + m[i]);
}

static inline void time_mix_6(struct reference *reference, int layer, double *y, const double *h, double *state) {
    const uint32_t n = reference->random->shape.width;
    const float *decay = values_of(reference, layer, "time_mix_decay.weight");
    double x[MOST], z[MOST], low[MOST], w[MOST], k[MOST], v[MOST], r[MOST], g[MOST];
    lerp(x, h, state, values_of(reference, layer, "time_mix_lerp_x.weight"), n);
    product(reference, layer, "time_mix_w1.weight", 0, z, x, tanh);
    dynamic_lerp(reference, layer, x, h, state, 0, z);
    product(reference, layer, "time_mix_decay_w1.weight", 0, low, x, tanh);
    product(reference, layer, "time_mix_decay_w2.weight", 0, w, low, same);
    for (uint32_t i = 0; i < n; i++) w[i] = exp(-exp(decay[i] + w[i]));
    dynamic_lerp(reference, layer, x, h, state, 1, z);
    product(reference, layer, "time_mix_key.weight", 0, k, x, same);
    dynamic_lerp(reference, layer, x, h, state, 2, z);
    product(reference, layer, "time_mix_value.weight", 0, v, x, same);
    dynamic_lerp(reference, layer, x, h, state, 3, z);
    product(reference, layer, "time_mix_receptance.weight", 0, r, x, same);
    dynamic_lerp(reference, layer, x, h, state, 4, z);
    product(reference, layer, "time_mix_gate.weight", 0, g, x, silu);
    linear_attention(reference, layer, y, state + n, r, w, k, v);
    for (uint32_t i = 0; i < n; i++) y[i] *= g[i];
}

static inline double decay_of(double x) { return exp(-exp(-0.5) * sigmoid(x)); }

static inline void delta_rule(const struct reference *reference, int layer, double *y, double *s, const double *r,
                              const double *w, const double *k, const double *v, const double *kappa, const double *a) {
    const uint32_t n = reference->random->shape.head_size, width = reference->random->shape.width;
    const float *weight = values_of(reference, layer, "time_mix_ln.weight");
    const float *bias = values_of(reference, layer, "time_mix_ln.bias");
    const float *r_k = values_of(reference, layer, "time_mix_r_k.weight");
    for (uint32_t c = 0; c < width; c += n) {
        double bonus = 0;
        for (uint32_t j = c; j < c + n; j++) bonus += r[j] * k[j] * r_k[j];
        for (uint32_t i = c; i < c + n; i++, s += n) {
            double projection = 0;
            for (uint32_t j = 0; j < n; j++) projection += s[j] * kappa[c + j];
            y[i] = 0;
            for (uint32_t j = 0; j < n; j++) {
                s[j] = s[j] * w[c + j] - projection * kappa[c + j] * a[c + j] + v[i] * k[c + j];
                y[i] += s[j] * r[c + j];
            }
        }
        normalise(y + c, y + c, weight + c, bias + c, 64e-5, n);
        for (uint32_t i = c; i < c + n; i++) y[i] += bonus * v[i];
    }
}

/* kappa = k * k_k, each head divided by its norm; k *= 1 + (a - 1) k_a */
static inline void keys_of_7(const struct reference *reference, int layer, double *kappa, double *k, const double *a) {
    const uint32_t n = reference->random->shape.head_size, width = reference->random->shape.width;
    const float *k_k = values_of(reference, layer, "time_mix_k_k.weight");
    const float *k_a = values_of(reference, layer, "time_mix_k_a.weight");
    for (uint32_t c = 0; c < width; c += n) {
        double squares = 0;
        for (uint32_t i = c; i < c + n; i++) {
            kappa[i] = k[i] * k_k[i];
            squares += kappa[i] * kappa[i];
            k[i] *= 1 + (a[i] - 1) * k_a[i];
        }
        for (uint32_t i = c; i < c + n; i++) kappa[i] /= fmax(sqrt(squares), 1e-12);
    }
}

static inline void time_mix_7(struct reference *reference, int layer, double *y, const double *h, double *state) {
    enum { R, W, K, V, A, G };
    const uint32_t n = reference->random->shape.width;
    const float *lerps = values_of(reference, layer, "time_mix_lerp_fused.weight");
    double x[6][MOST], r[MOST], w[MOST], k[MOST], v[MOST], a[MOST], g[MOST], kappa[MOST], mix[MOST];
    for (uint32_t c = 0; c < 6; c++) lerp(x[c], h, state, lerps + c * n, n);
    product(reference, layer, "time_mix_receptance.weight", 0, r, x[R], same);
    product(reference, layer, "time_mix_key.weight", 0, k, x[K], same);
    product(reference, layer, "time_mix_value.weight", 0, v, x[V], same);
    low_rank(reference, layer, 'w', tanh, decay_of, w, x[W]);
    low_rank(reference, layer, 'a', same, sigmoid, a, x[A]);
    low_rank(reference, layer, 'g', sigmoid, same, g, x[G]);
    keys_of_7(reference, layer, kappa, k, a);
    if (layer == 0) {
        memcpy(reference->v_first, v, n * sizeof *v);
    } else {
        low_rank(reference, layer, 'v', same, sigmoid, mix, x[V]);
        for (uint32_t i = 0; i < n; i++) v[i] += (reference->v_first[i] - v[i]) * mix[i];
    }
    delta_rule(reference, layer, y, state + n, r, w, k, v, kappa, a);
    for (uint32_t i = 0; i < n; i++) y[i] *= g[i];
}

/* ------------------------------------------------------------------ the whole */

static inline void channel_mix(const struct reference *reference, int layer, double *y, const double *h,
                               const double *previous) {
    const struct shape *shape = &reference->random->shape;
    double x[MOST], k[MOST], r[MOST];
    lerp(x, h, previous, values_of(reference, layer, "channel_mix_lerp_k.weight"), shape->width);
    product(reference, layer, "channel_mix_key.weight", 0, k, x, square_if_positive);
    product(reference, layer, "channel_mix_value.weight", 0, y, k, same);
    if (shape->version == 7) return;
    lerp(x, h, previous, values_of(reference, layer, "channel_mix_lerp_r.weight"), shape->width);
    product(reference, layer, "channel_mix_receptance.weight", 0, r, x, sigmoid);
    for (uint32_t i = 0; i < shape->width; i++) y[i] *= r[i];
}

static inline void reference_layer(struct reference *reference, int layer, double *x, double *state) {
    const struct shape *shape = &reference->random->shape;
    const uint32_t n = shape->width;
    double *channel_shift = state + reference->state_floats / shape->layers - n;
    const double scale = shape->rescale_every ? exp2(layer / (int)shape->rescale_every) : 1;
    double h[MOST], y[MOST], z[MOST];

    layer_norm(reference, layer, "attn_norm", h, x);
    switch (shape->version) {
    case 4: time_mix_4(reference, layer, y, h, state); break;
    case 5: time_mix_5(reference, layer, y, h, state); break;
    case 6: time_mix_6(reference, layer, y, h, state); break;
    default: time_mix_7(reference, layer, y, h, state); break;
    }
    product(reference, layer, "time_mix_output.weight", 0, z, y, same);
    for (uint32_t i = 0; i < n; i++) x[i] += scale * z[i];
    memcpy(state, h, n * sizeof *h);

    layer_norm(reference, layer, "attn_norm_2", h, x);
    channel_mix(reference, layer, y, h, channel_shift);
    for (uint32_t i = 0; i < n; i++) x[i] += scale * y[i];
    memcpy(channel_shift, h, n * sizeof *h);
}

/* Feeds one token; logits [vocabulary]. */
static inline void reference_feed(struct reference *reference, uint32_t token, double *logits) {
    const struct shape *shape = &reference->random->shape;
    const float *embedding = values_of(reference, -1, "token_embd.weight") + (uint64_t)token * shape->width;
    double x[MOST];
    for (uint32_t i = 0; i < shape->width; i++) x[i] = embedding[i];
    if (shape->embedding_norm) layer_norm(reference, -1, "token_embd_norm", x, x);
    for (uint32_t i = 0; i < shape->layers; i++)
        reference_layer(reference, (int)i, x, reference->state + i * (reference->state_floats / shape->layers));
    layer_norm(reference, -1, "output_norm", x, x);
    product(reference, -1, "output.weight", 0, logits, x, same);
}

#endif
