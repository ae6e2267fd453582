/*
 * States: a row of floats, see rwkv_state_get for its layout.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/pages.h"
#include "version.h"

static size_t state_bytes(const struct rwkv_model *model) { return state_floats(model) * sizeof(float); }

static void reset(struct rwkv_state *state) {
    const struct rwkv_model *model = state->model;
    memset(state->data, 0, state_bytes(model));
    if (model->version->has_heads) return;
    for (uint32_t layer = 0; layer < model->layer_count; layer++) { /* pp: the largest exponent of nothing */
        float *pp = state->data + layer * state_layer_floats(model) + state_wkv_offset(model) + 2 * model->width;
        for (size_t i = 0; i < model->width; i++) pp[i] = -1e30f;
    }
}

enum rwkv_status rwkv_state_create(const struct rwkv_model *model, struct rwkv_state **result,
                                   struct rwkv_error *error) {
    if (result) *result = NULL;
    if (!model || !result)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_state_create: %s is NULL", model ? "state" : "model");
    /* No vector lies in two cache lines, and large states in huge pages: many are read from memory in turn, and looking
     * up where their pages are took 2 % of decoding 16 sequences. */
    const size_t bytes = state_bytes(model), alignment = pages_alignment(bytes);
    struct rwkv_state *state = malloc(sizeof *state + bytes + alignment);
    if (!state) return error_set(error, RWKV_ERROR_MEMORY, "no memory for a state of %zu bytes", bytes);
    const uintptr_t end = (uintptr_t)(state + 1);
    *state = (struct rwkv_state){.model = model, .data = (float *)(end + alignment - end % alignment)};
    if (alignment == HUGE_PAGE_BYTES) pages_prefer_huge(state->data, bytes);
    reset(state);
    *result = state;
    return RWKV_OK;
}

void rwkv_state_free(struct rwkv_state *state) { free(state); }

enum rwkv_status rwkv_state_reset(struct rwkv_state *state, struct rwkv_error *error) {
    if (!state) return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_state_reset: state is NULL");
    reset(state);
    return RWKV_OK;
}

enum rwkv_status rwkv_state_copy(struct rwkv_state *target, const struct rwkv_state *source, struct rwkv_error *error) {
    if (!target || !source)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_state_copy: %s is NULL", target ? "source" : "target");
    if (target->model != source->model)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_state_copy: the states are of different models");
    memmove(target->data, source->data, state_bytes(target->model));
    return RWKV_OK;
}

static enum rwkv_status check_floats(const struct rwkv_model *model, uint64_t floats, struct rwkv_error *error) {
    if (floats == state_floats(model)) return RWKV_OK;
    return error_set(error, RWKV_ERROR_ARGUMENT, "a state of this model has %zu floats, not %" PRIu64,
                     state_floats(model), floats);
}

enum rwkv_status rwkv_state_get(const struct rwkv_state *state, float *target, uint64_t floats,
                                struct rwkv_error *error) {
    if (!state || !target)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_state_get: %s is NULL", state ? "target" : "state");
    const enum rwkv_status status = check_floats(state->model, floats, error);
    if (status == RWKV_OK) memcpy(target, state->data, state_bytes(state->model));
    return status;
}

enum rwkv_status rwkv_state_set(struct rwkv_state *state, const float *source, uint64_t floats,
                                struct rwkv_error *error) {
    if (!state || !source)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_state_set: %s is NULL", state ? "source" : "state");
    const enum rwkv_status status = check_floats(state->model, floats, error);
    if (status != RWKV_OK) return status;
    for (uint64_t i = 0; i < floats; i++)
        if (!isfinite(source[i]))
            return error_set(error, RWKV_ERROR_ARGUMENT, "float %" PRIu64 " of the state is not finite", i);
    memcpy(state->data, source, state_bytes(state->model));
    return RWKV_OK;
}
