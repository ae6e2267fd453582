/*
 * RWKV-5 "Eagle" (Peng et al., 2024), 5.0 to 5.2. Per token, with h = LN(x; ln1) and x_c = lerp(h, h of the previous
 * token, lerp_c):
 *
 *     k = key x_k    v = value x_v    r = receptance x_r    g = silu(gate x_g), not in 5.0
 *
 * then the recurrence with a decay exp(-exp(time_decay)) that is the same for all tokens (kernel wkv6), and per head
 * y = GN(y); x += output (y * g).
 */
#include "version.h"

enum { K, V, R, G }; /* lerps, in the order of the file */

static void take_time_mix(struct tensors *tensors, struct layer *layer) {
    const struct rwkv_model *model = tensors->model;
    const uint32_t i = layer->index;
    const size_t width = model->width;

    const bool has_gate = tensors_have(tensors, i, "time_mix_gate.weight");
    if (has_gate) layer->gate = tensors_matrix(tensors, i, "time_mix_gate.weight", width, width);
    const size_t lerp_count = has_gate ? 4 : 3;
    const float *lerps = tensors_vector(tensors, i, "time_mix_lerp_fused.weight", lerp_count * width);
    for (size_t c = 0; lerps && c < lerp_count; c++) layer->lerp[c] = lerps + c * width;

    float *decay = tensors_vector(tensors, i, "time_mix_decay.weight", width);
    if (decay) model->kernels->exp_negative_exp(decay, decay, width);
    layer->decay = decay;
    layer->first = tensors_vector(tensors, i, "time_mix_first.weight", width);
    layer->ln_x = tensors_norm(tensors, i, "time_mix_ln", width);
}

static void mix_head(const struct chunk *chunk, const struct layer *layer, const struct span *span, size_t head) {
    const struct rwkv_model *model = chunk->model;
    const struct kernels *kernels = chunk->kernels;
    const struct buffers *b = chunk->buffers;
    const size_t width = model->width, n = model->head_size, c = head * n;
    float *s = layer_state(chunk, span, layer) + state_wkv_offset(model) + c * n;
    const size_t at = span->first * width + c;
    float *y = b->y.floats + at;

    kernels->wkv6(y, s, b->r + at, layer->decay + c, 0, b->k + at, b->v + at, layer->first + c, span->rows, width, n,
                  states_ahead(chunk, s));
    for (size_t t = 0, i = 0; t < span->rows; t++, i += width) {
        kernels->layer_norm(y + i, y + i, layer->ln_x.weight + c, layer->ln_x.bias + c, model->group_norm_epsilon, n);
        if (layer->gate.data) kernels->multiply(y + i, y + i, b->g + at + i, n);
    }
}

static void time_mix(const struct chunk *chunk, struct worker *worker, const struct layer *layer) {
    const struct buffers *b = chunk->buffers;
    const struct activations *mix = mixes_of(chunk, worker);
    const size_t width = chunk->model->width, count = layer->gate.data ? 4 : 3;

    const struct lerp lerps[] = {
        lerp_for(&layer->key, NULL, layer->lerp[K], &mix[K]),
        lerp_for(&layer->value, NULL, layer->lerp[V], &mix[V]),
        lerp_for(&layer->receptance, NULL, layer->lerp[R], &mix[R]),
        lerp_for(&layer->gate, NULL, layer->lerp[G], &mix[G]),
    };
    normalise_and_mix(chunk, worker, layer, &layer->ln1, 0, lerps, count, ALL_ROWS);

    const struct product from_x[] = {
        {.matrix = &layer->key, .input = &mix[K], .output = b->k, .stride = width},
        {.matrix = &layer->value, .input = &mix[V], .output = b->v, .stride = width},
        {.matrix = &layer->receptance, .input = &mix[R], .output = b->r, .stride = width},
        {.matrix = &layer->gate, .input = &mix[G], .output = b->g, .stride = width, .activation = chunk->kernels->silu},
    };
    multiply(chunk, worker, from_x, count, ALL_ROWS);
    remember_shift(chunk, worker, layer, 0);
    mix_parts(chunk, worker, layer, chunk->model->head_size, mix_head);
    add_output(chunk, worker, layer);
}

const struct version rwkv5 = {.number = 5,
                              .has_heads = true,
                              .has_channel_receptance = true,
                              .take_time_mix = take_time_mix,
                              .time_mix = time_mix};
