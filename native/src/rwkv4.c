/*
 * RWKV-4 (Peng et al., 2023). Per token, with h = LN(x; ln1) and x_c = lerp(h, h of the previous token, lerp_c):
 *
 *     k = key x_k    v = value x_v    r = sigmoid(receptance x_r)
 *
 * then the recurrence (kernel wkv4); x += output (r * wkv).
 */
#include "version.h"

#include <math.h>

enum { K, V, R }; /* lerps, in the order of the file */

/* Channels that are one part of the recurrence's work. */
#define PART 64

static void take_time_mix(struct tensors *tensors, struct layer *layer) {
    const size_t width = tensors->model->width;
    const float *lerps = tensors_vector(tensors, layer->index, "time_mix_lerp_fused.weight", 3 * width);
    for (size_t c = 0; lerps && c < 3; c++) layer->lerp[c] = lerps + c * width;

    float *decay = tensors_vector(tensors, layer->index, "time_mix_decay.weight", width);
    for (size_t i = 0; decay && i < width; i++) decay[i] = -expf(decay[i]);
    layer->decay = decay;
    layer->first = tensors_vector(tensors, layer->index, "time_mix_first.weight", width);
}

static void mix_part(const struct chunk *chunk, const struct layer *layer, const struct span *span, size_t part) {
    const struct kernels *kernels = chunk->kernels;
    const struct buffers *b = chunk->buffers;
    const size_t width = chunk->model->width, c = part * PART, n = width - c < PART ? width - c : PART;
    const size_t at = span->first * width + c;
    float *aa = layer_state(chunk, span, layer) + state_wkv_offset(chunk->model) + c;
    float *bb = aa + width, *pp = bb + width, *y = b->y.floats + at;

    kernels->wkv4(y, aa, bb, pp, b->k + at, b->v + at, layer->decay + c, layer->first + c, span->rows, width, n);
    for (size_t t = 0, i = 0; t < span->rows; t++, i += width) kernels->multiply(y + i, y + i, b->r + at + i, n);
}

static void time_mix(const struct chunk *chunk, struct worker *worker, const struct layer *layer) {
    const struct buffers *b = chunk->buffers;
    const struct activations *mix = mixes_of(chunk, worker);
    const size_t width = chunk->model->width;

    const struct lerp lerps[] = {
        lerp_for(&layer->key, NULL, layer->lerp[K], &mix[K]),
        lerp_for(&layer->value, NULL, layer->lerp[V], &mix[V]),
        lerp_for(&layer->receptance, NULL, layer->lerp[R], &mix[R]),
    };
    normalise_and_mix(chunk, worker, layer, &layer->ln1, 0, lerps, 3, ALL_ROWS);

    const struct product from_x[] = {
        {.matrix = &layer->key, .input = &mix[K], .output = b->k, .stride = width},
        {.matrix = &layer->value, .input = &mix[V], .output = b->v, .stride = width},
        {.matrix = &layer->receptance,
         .input = &mix[R],
         .output = b->r,
         .stride = width,
         .activation = chunk->kernels->sigmoid},
    };
    multiply(chunk, worker, from_x, 3, ALL_ROWS);
    remember_shift(chunk, worker, layer, 0);
    mix_parts(chunk, worker, layer, PART, mix_part);
    add_output(chunk, worker, layer);
}

const struct version rwkv4 = {
    .number = 4, .has_channel_receptance = true, .take_time_mix = take_time_mix, .time_mix = time_mix};
