/*
 * RWKV-6 "Finch" (Peng et al., 2024). Per token, with h = LN(x; ln1) and h' that of the previous token:
 *
 *     z   = tanh(w1 lerp(h, h', lerp_x))                 five groups, w k v r g
 *     x_c = lerp(h, h', lerp_c + w2_c z_c)               for each of them
 *     r = receptance x_r    k = key x_k    v = value x_v    g = silu(gate x_g)
 *     w = exp(-exp(decay + decay_w2 tanh(decay_w1 x_w)))
 *
 * then the recurrence (kernel wkv6), and per head y = GN(y); x += output (y * g).
 */
#include "version.h"

enum { W, K, V, R, G, GROUPS }; /* lerps, in the order of the file */

static void take_lerps(struct tensors *tensors, struct layer *layer) {
    const size_t width = tensors->model->width;
    if (tensors_have(tensors, layer->index, "time_mix_lerp_fused.weight")) {
        const float *lerps = tensors_vector(tensors, layer->index, "time_mix_lerp_fused.weight", GROUPS * width);
        for (size_t c = 0; lerps && c < GROUPS; c++) layer->lerp[c] = lerps + c * width;
        return;
    }
    static const char *const apart[GROUPS] = {"time_mix_lerp_w.weight", "time_mix_lerp_k.weight",
                                              "time_mix_lerp_v.weight", "time_mix_lerp_r.weight",
                                              "time_mix_lerp_g.weight"}; /* in older files */
    for (size_t c = 0; c < GROUPS; c++) layer->lerp[c] = tensors_vector(tensors, layer->index, apart[c], width);
}

static void take_time_mix(struct tensors *tensors, struct layer *layer) {
    const uint32_t i = layer->index;
    const size_t width = tensors->model->width;

    take_lerps(tensors, layer);
    layer->v6.lerp_x = tensors_vector(tensors, i, "time_mix_lerp_x.weight", width);
    const struct matrix w1 = tensors_low_rank(tensors, i, "time_mix_w1.weight", width);
    const size_t rank = w1.rows / GROUPS;
    if (w1.rows % GROUPS != 0)
        tensors_fail(tensors, RWKV_ERROR_MODEL, "tensor blk.%u.time_mix_w1.weight has %zu rows, expected five groups",
                     (unsigned)i, w1.rows);
    for (size_t c = 0; c < GROUPS && w1.data; c++) {
        layer->v6.w1[c] = w1;
        layer->v6.w1[c].rows = rank;
        layer->v6.w1[c].data += c * rank * w1.row_bytes;
    }
    tensors_matrices(tensors, i, "time_mix_w2.weight", GROUPS, width, rank, layer->v6.w2);

    layer->decay = tensors_vector(tensors, i, "time_mix_decay.weight", width);
    layer->v6.decay_w1 = tensors_low_rank(tensors, i, "time_mix_decay_w1.weight", width);
    layer->v6.decay_w2 = tensors_matrix(tensors, i, "time_mix_decay_w2.weight", width, layer->v6.decay_w1.rows);
    layer->first = tensors_vector(tensors, i, "time_mix_first.weight", width);
    layer->gate = tensors_matrix(tensors, i, "time_mix_gate.weight", width, width);
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
        float *w = b->w + at, *y = b->y.floats + at;

        for (size_t t = 0, i = 0; t < tokens; t++, i += width) {
            kernels->add(w + i, w + i, layer->decay + c, n);
            kernels->exp_negative_exp(w + i, w + i, n);
        }
        kernels->wkv6(y, s, b->r + at, w, width, b->k + at, b->v + at, layer->first + c, tokens, width, n,
                      states_ahead(chunk, s));
        for (size_t t = 0, i = 0; t < tokens; t++, i += width) {
            kernels->layer_norm(y + i, y + i, layer->ln_x.weight + c, layer->ln_x.bias + c, model->group_norm_epsilon,
                                n);
            kernels->multiply(y + i, y + i, b->g + at + i, n);
        }
    }
}

/* mix[c] = x_c for the five groups. mix[GROUPS] is free for lerp(h, h', lerp_x). */
static void mix_dynamically(const struct chunk *chunk, struct worker *worker, const struct layer *layer) {
    const struct buffers *b = chunk->buffers;
    const struct activations *mix = mixes_of(chunk, worker), *z = b->low, *differences = b->mix;

    const struct lerp lerp_x = lerp_for(&layer->v6.w1[0], NULL, layer->v6.lerp_x, &mix[GROUPS]);
    normalise_and_mix(chunk, worker, layer, &layer->ln1, 0, &lerp_x, 1, ALL_ROWS);

    struct product to_z[GROUPS], to_differences[GROUPS];
    for (size_t c = 0; c < GROUPS; c++) {
        to_z[c] = (struct product){.matrix = &layer->v6.w1[c],
                                   .input = &mix[GROUPS],
                                   .output = z[c].floats,
                                   .stride = z[c].float_stride,
                                   .activation = chunk->kernels->hyperbolic_tangent,
                                   .quantised = if_quantised(&layer->v6.w2[c], &z[c])};
        to_differences[c] = (struct product){.matrix = &layer->v6.w2[c],
                                             .input = &z[c],
                                             .output = differences[c].floats,
                                             .stride = differences[c].float_stride};
    }
    multiply(chunk, worker, to_z, GROUPS, ALL_ROWS);
    multiply(chunk, worker, to_differences, GROUPS, ALL_ROWS);

    const struct lerp lerps[GROUPS] = {
        [W] = lerp_for(&layer->v6.decay_w1, NULL, layer->lerp[W], &mix[W]),
        [K] = lerp_for(&layer->key, NULL, layer->lerp[K], &mix[K]),
        [V] = lerp_for(&layer->value, NULL, layer->lerp[V], &mix[V]),
        [R] = lerp_for(&layer->receptance, NULL, layer->lerp[R], &mix[R]),
        [G] = lerp_for(&layer->gate, NULL, layer->lerp[G], &mix[G]),
    };
    mix_again(chunk, worker, layer, 0, lerps, differences, GROUPS);
}

static void time_mix(const struct chunk *chunk, struct worker *worker, const struct layer *layer) {
    const struct buffers *b = chunk->buffers;
    const struct kernels *kernels = chunk->kernels;
    const struct activations *mix = mixes_of(chunk, worker), *low = &b->low[0];
    const size_t width = chunk->model->width;

    mix_dynamically(chunk, worker, layer);

    const struct product from_x[] = {
        {.matrix = &layer->receptance, .input = &mix[R], .output = b->r, .stride = width},
        {.matrix = &layer->key, .input = &mix[K], .output = b->k, .stride = width},
        {.matrix = &layer->value, .input = &mix[V], .output = b->v, .stride = width},
        {.matrix = &layer->gate, .input = &mix[G], .output = b->g, .stride = width, .activation = kernels->silu},
        {.matrix = &layer->v6.decay_w1,
         .input = &mix[W],
         .output = low->floats,
         .stride = low->float_stride,
         .activation = kernels->hyperbolic_tangent,
         .quantised = if_quantised(&layer->v6.decay_w2, low)},
    };
    multiply(chunk, worker, from_x, 5, ALL_ROWS);
    remember_shift(chunk, worker, layer, 0);

    const struct product decay = {.matrix = &layer->v6.decay_w2, .input = low, .output = b->w, .stride = width};
    multiply(chunk, worker, &decay, 1, ALL_ROWS);

    mix_parts(chunk, worker, layer, chunk->model->head_size, mix_head);
    add_output(chunk, worker, layer);
}

const struct version rwkv6 = {.number = 6,
                              .has_heads = true,
                              .has_channel_receptance = true,
                              .take_time_mix = take_time_mix,
                              .time_mix = time_mix};
