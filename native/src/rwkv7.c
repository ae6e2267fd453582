/*
 * RWKV-7 "Goose" (Peng et al., 2025). Per token, with h = LN(x; ln1) and x_c = lerp(h, h of the previous token,
 * lerp_c):
 *
 *     r = receptance x_r    k = key x_k    v = value x_v
 *     w = exp(-e^(-1/2) sigmoid(w0 + w2 tanh(w1 x_w)))
 *     a = sigmoid(a0 + a2 a1 x_a)
 *     g = g2 sigmoid(g1 x_g)
 *     kappa = k * k_k, each head divided by its norm
 *     k = k * (1 + (a - 1) * k_a)
 *     v = v + (v_first - v) * sigmoid(v0 + v2 v1 x_v)      v_first: layer 0's v, which stays as it is
 *
 * then the recurrence (kernel wkv7), and per head y = GN(y) + (sum of r * k * r_k) v; x += output (y * g).
 */
#include "version.h"

#include <string.h>

enum { R, W, K, V, A, G }; /* lerps, in the order of the file */
enum { LOW_W, LOW_A, LOW_V, LOW_G };

static void take_time_mix(struct tensors *tensors, struct layer *layer) {
    const struct rwkv_model *model = tensors->model;
    const uint32_t i = layer->index;
    const size_t width = model->width;

    const float *lerps = tensors_vector(tensors, i, "time_mix_lerp_fused.weight", 6 * width);
    for (size_t c = 0; lerps && c < 6; c++) layer->lerp[c] = lerps + c * width;

    layer->v7.w0 = tensors_vector(tensors, i, "time_mix_w0.weight", width);
    layer->v7.w1 = tensors_low_rank(tensors, i, "time_mix_w1.weight", width);
    layer->v7.w2 = tensors_matrix(tensors, i, "time_mix_w2.weight", width, layer->v7.w1.rows);
    layer->v7.a0 = tensors_vector(tensors, i, "time_mix_a0.weight", width);
    layer->v7.a1 = tensors_low_rank(tensors, i, "time_mix_a1.weight", width);
    layer->v7.a2 = tensors_matrix(tensors, i, "time_mix_a2.weight", width, layer->v7.a1.rows);
    layer->v7.g1 = tensors_low_rank(tensors, i, "time_mix_g1.weight", width);
    layer->v7.g2 = tensors_matrix(tensors, i, "time_mix_g2.weight", width, layer->v7.g1.rows);
    if (i > 0) {
        layer->v7.v0 = tensors_vector(tensors, i, "time_mix_v0.weight", width);
        layer->v7.v1 = tensors_low_rank(tensors, i, "time_mix_v1.weight", width);
        layer->v7.v2 = tensors_matrix(tensors, i, "time_mix_v2.weight", width, layer->v7.v1.rows);
    } else { /* llama.cpp wants them to be there, nobody wants their values */
        tensors_ignore(tensors, i, "time_mix_v0.weight");
        tensors_ignore(tensors, i, "time_mix_v1.weight");
        tensors_ignore(tensors, i, "time_mix_v2.weight");
    }
    layer->v7.k_k = tensors_vector(tensors, i, "time_mix_k_k.weight", width);
    layer->v7.k_a = tensors_vector(tensors, i, "time_mix_k_a.weight", width);
    layer->v7.r_k = tensors_vector(tensors, i, "time_mix_r_k.weight", width);
    layer->ln_x = tensors_norm(tensors, i, "time_mix_ln", width);
}

/* From the matrix products to y * g, for one head; a few tokens at a time. */
static void mix_head(const struct chunk *chunk, const struct layer *layer, const struct span *span, size_t head) {
    const struct rwkv_model *model = chunk->model;
    const struct kernels *kernels = chunk->kernels;
    const struct buffers *b = chunk->buffers;
    const size_t width = model->width, n = model->head_size, c = head * n;
    float *s = layer_state(chunk, span, layer) + state_wkv_offset(model) + c * n;

    for (uint32_t first = 0; first < span->rows; first += TIME_BLOCK) {
        const uint32_t tokens = span->rows - first < TIME_BLOCK ? span->rows - first : TIME_BLOCK;
        const size_t at = (size_t)(span->first + first) * width + c;
        float *r = b->r + at, *w = b->w + at, *k = b->k + at, *v = b->v + at, *a = b->a + at, *g = b->g + at;
        float *kappa = b->kappa + at, *v_mix = b->v_mix + at, *v_first = b->v_first + at, *y = b->y.floats + at;

        for (size_t t = 0, i = 0; t < tokens; t++, i += width) {
            kernels->add(w + i, w + i, layer->v7.w0 + c, n);
            kernels->decay_sigmoid(w + i, w + i, n);
            kernels->add(a + i, a + i, layer->v7.a0 + c, n);
            kernels->sigmoid(a + i, a + i, n);
            kernels->multiply(kappa + i, k + i, layer->v7.k_k + c, n);
            kernels->l2_normalise(kappa + i, kappa + i, n);
            kernels->multiply(y + i, k + i, a + i, n); /* k + (k a - k) k_a; y is free until the recurrence */
            kernels->lerp(k + i, k + i, y + i, layer->v7.k_a + c, n);
            if (layer->index == 0) {
                memcpy(v_first + i, v + i, n * sizeof *v);
            } else {
                kernels->add(v_mix + i, v_mix + i, layer->v7.v0 + c, n);
                kernels->sigmoid(v_mix + i, v_mix + i, n);
                kernels->lerp(v + i, v + i, v_first + i, v_mix + i, n);
            }
        }
        kernels->wkv7(y, s, r, w, k, v, kappa, a, tokens, width, n, states_ahead(chunk, s));
        for (size_t t = 0, i = 0; t < tokens; t++, i += width) {
            kernels->layer_norm(y + i, y + i, layer->ln_x.weight + c, layer->ln_x.bias + c, model->group_norm_epsilon,
                                n);
            kernels->add_bonus(y + i, r + i, k + i, layer->v7.r_k + c, v + i, n);
            kernels->multiply(y + i, y + i, g + i, n);
        }
    }
}

static void time_mix(const struct chunk *chunk, struct worker *worker, const struct layer *layer) {
    const struct buffers *b = chunk->buffers;
    const struct kernels *kernels = chunk->kernels;
    const size_t width = chunk->model->width;
    const bool mixes_v = layer->index > 0;
    const struct activations *mix = mixes_of(chunk, worker), *low = b->low;

    const struct lerp lerps[] = {
        lerp_for(&layer->receptance, NULL, layer->lerp[R], &mix[R]),
        lerp_for(&layer->v7.w1, NULL, layer->lerp[W], &mix[W]),
        lerp_for(&layer->key, NULL, layer->lerp[K], &mix[K]),
        lerp_for(&layer->value, mixes_v ? &layer->v7.v1 : NULL, layer->lerp[V], &mix[V]),
        lerp_for(&layer->v7.a1, NULL, layer->lerp[A], &mix[A]),
        lerp_for(&layer->v7.g1, NULL, layer->lerp[G], &mix[G]),
    };
    normalise_and_mix(chunk, worker, layer, &layer->ln1, 0, lerps, 6, ALL_ROWS);

    /* The product of layer 0 that isn't wanted is the last of its list. */
    const struct product from_x[] = {
        {.matrix = &layer->receptance, .input = &mix[R], .output = b->r, .stride = width},
        {.matrix = &layer->key, .input = &mix[K], .output = b->k, .stride = width},
        {.matrix = &layer->value, .input = &mix[V], .output = b->v, .stride = width},
        {.matrix = &layer->v7.w1,
         .input = &mix[W],
         .output = low[LOW_W].floats,
         .stride = low[LOW_W].float_stride,
         .quantised = if_quantised(&layer->v7.w2, &low[LOW_W]),
         .activation = kernels->hyperbolic_tangent},
        {.matrix = &layer->v7.a1,
         .input = &mix[A],
         .output = low[LOW_A].floats,
         .stride = low[LOW_A].float_stride,
         .quantised = if_quantised(&layer->v7.a2, &low[LOW_A])},
        {.matrix = &layer->v7.g1,
         .input = &mix[G],
         .output = low[LOW_G].floats,
         .stride = low[LOW_G].float_stride,
         .quantised = if_quantised(&layer->v7.g2, &low[LOW_G]),
         .activation = kernels->sigmoid},
        {.matrix = &layer->v7.v1,
         .input = &mix[V],
         .output = low[LOW_V].floats,
         .stride = low[LOW_V].float_stride,
         .quantised = if_quantised(&layer->v7.v2, &low[LOW_V])},
    };
    multiply(chunk, worker, from_x, mixes_v ? 7 : 6, ALL_ROWS);
    remember_shift(chunk, worker, layer, 0);

    const struct product from_low[] = {
        {.matrix = &layer->v7.w2, .input = &low[LOW_W], .output = b->w, .stride = width},
        {.matrix = &layer->v7.a2, .input = &low[LOW_A], .output = b->a, .stride = width},
        {.matrix = &layer->v7.g2, .input = &low[LOW_G], .output = b->g, .stride = width},
        {.matrix = &layer->v7.v2, .input = &low[LOW_V], .output = b->v_mix, .stride = width},
    };
    multiply(chunk, worker, from_low, mixes_v ? 4 : 3, ALL_ROWS);

    mix_parts(chunk, worker, layer, chunk->model->head_size, mix_head);
    add_output(chunk, worker, layer);
}

const struct version rwkv7 = {.number = 7, .has_heads = true, .take_time_mix = take_time_mix, .time_mix = time_mix};
