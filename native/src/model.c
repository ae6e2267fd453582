/*
 * Models: from the caller's table of tensors to layers whose every tensor has been checked.
 */
#include "model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "by_column.h"
#include "version.h"

#include "cpu/pages.h"
#include "quant/blocks.h"

/* ------------------------------------------------------------------ sizes */

static const struct version *find_version(uint32_t number) {
    static const struct version *const versions[] = {&rwkv4, &rwkv5, &rwkv6, &rwkv7};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        if (versions[i]->number == number) return versions[i];
    return NULL;
}

/* A size that the tensors say; what the configuration says must be the same or 0. */
static size_t size_of(struct tensors *tensors, const char *what, uint64_t of_tensors, uint64_t of_config) {
    if (of_config != 0 && of_config != of_tensors)
        tensors_fail(tensors, RWKV_ERROR_MODEL, "the tensors have a %s of %" PRIu64 ", the metadata say %" PRIu64, what,
                     of_tensors, of_config);
    return of_tensors;
}

static void find_sizes(struct tensors *tensors, const struct rwkv_model_config *config) {
    struct rwkv_model *model = tensors->model;
    model->layer_count = config->layer_count;
    model->layer_norm_epsilon = config->layer_norm_epsilon != 0 ? config->layer_norm_epsilon : 1e-5f;
    model->group_norm_epsilon = config->group_norm_epsilon != 0 ? config->group_norm_epsilon : 64e-5f;
    model->width =
        size_of(tensors, "width", tensors_dimension(tensors, NO_LAYER, "token_embd.weight", 0), config->width);
    model->vocabulary_size = size_of(
        tensors, "vocabulary", tensors_dimension(tensors, NO_LAYER, "token_embd.weight", 1), config->vocabulary_size);
    model->channel_mix_width =
        size_of(tensors, "channel-mix width", tensors_dimension(tensors, 0, "channel_mix_key.weight", 1),
                config->channel_mix_width);
    if (model->vocabulary_size > UINT32_MAX || model->width > UINT32_MAX || model->channel_mix_width > UINT32_MAX)
        tensors_fail(tensors, RWKV_ERROR_UNSUPPORTED, "a width or vocabulary above 2^32 is not supported");
    if (!model->version->has_heads || tensors->status != RWKV_OK) return;

    uint64_t head_size = config->head_size;
    if (model->version->number != 7) {
        const uint64_t inner = tensors_dimension(tensors, 0, "time_mix_first.weight", 0);
        if (head_size == 0 || inner != model->width) /* a flat vector does not tell */
            head_size = size_of(tensors, "head size", inner, head_size);
    } else if (head_size == 0) {
        tensors_fail(tensors, RWKV_ERROR_ARGUMENT, "head_size is 0, but RWKV-7 tensors do not tell it");
    }
    if (tensors->status != RWKV_OK) return;
    if (model->width % head_size != 0)
        tensors_fail(tensors, RWKV_ERROR_MODEL, "a width of %zu cannot be divided into heads of %" PRIu64, model->width,
                     head_size);
    model->head_size = head_size;
    model->head_count = model->width / head_size;
}

/* ------------------------------------------------------------------ tensors */

static void take_layer(struct tensors *tensors, struct layer *layer, uint32_t rescale_every) {
    const struct rwkv_model *model = tensors->model;
    const uint32_t i = layer->index;
    const size_t width = model->width, hidden = model->channel_mix_width;

    layer->ln1 = tensors_norm(tensors, i, "attn_norm", width);
    layer->receptance = tensors_matrix(tensors, i, "time_mix_receptance.weight", width, width);
    layer->key = tensors_matrix(tensors, i, "time_mix_key.weight", width, width);
    layer->value = tensors_matrix(tensors, i, "time_mix_value.weight", width, width);
    layer->output = tensors_matrix(tensors, i, "time_mix_output.weight", width, width);
    model->version->take_time_mix(tensors, layer);

    layer->ln2 = tensors_norm(tensors, i, "attn_norm_2", width);
    layer->channel_lerp_k = tensors_vector(tensors, i, "channel_mix_lerp_k.weight", width);
    layer->channel_key = tensors_matrix(tensors, i, "channel_mix_key.weight", hidden, width);
    layer->channel_value = tensors_matrix(tensors, i, "channel_mix_value.weight", width, hidden);
    if (model->version->has_channel_receptance) {
        layer->channel_lerp_r = tensors_vector(tensors, i, "channel_mix_lerp_r.weight", width);
        layer->channel_receptance = tensors_matrix(tensors, i, "channel_mix_receptance.weight", width, width);
    }

    /* Files for float16 engines have these two divided, so that the residual stream stays small. */
    if (rescale_every > 0) {
        uint32_t halvings = i / rescale_every;
        for (; halvings > 0; halvings--) {
            layer->output.scale *= 2;
            layer->channel_value.scale *= 2;
        }
    }
}

static void take_tensors(struct tensors *tensors, const struct rwkv_model_config *config) {
    struct rwkv_model *model = tensors->model;
    const size_t width = model->width, vocabulary = model->vocabulary_size;

    model->embedding = tensors_matrix(tensors, NO_LAYER, "token_embd.weight", vocabulary, width);
    if (tensors_have(tensors, NO_LAYER, "token_embd_norm.weight"))
        model->embedding_norm = tensors_norm(tensors, NO_LAYER, "token_embd_norm", width);
    model->output_norm = tensors_norm(tensors, NO_LAYER, "output_norm", width);
    model->head = tensors_matrix(tensors, NO_LAYER, "output.weight", vocabulary, width);

    if (model->layer_count > tensors->count)
        tensors_fail(tensors, RWKV_ERROR_MODEL,
                     "the metadata say %" PRIu32 " layers, but there are %" PRIu64 " tensors", model->layer_count,
                     tensors->count);
    if (tensors->status == RWKV_OK) {
        model->layers = model_allocate(model, model->layer_count * sizeof *model->layers);
        if (!model->layers)
            tensors_fail(tensors, RWKV_ERROR_MEMORY, "no memory for %" PRIu32 " layers", model->layer_count);
    }
    for (uint32_t i = 0; i < model->layer_count && tensors->status == RWKV_OK; i++) {
        model->layers[i].index = i;
        take_layer(tensors, &model->layers[i], config->rescale_every);
    }
}

/* ------------------------------------------------------------------ the public functions */

enum rwkv_status rwkv_model_create(const struct rwkv_model_config *config, const struct rwkv_tensor *table,
                                   uint64_t tensor_count, struct rwkv_model **result, struct rwkv_error *error) {
    if (result) *result = NULL;
    if (!config || !table || !result)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_model_create: %s is NULL",
                         !config  ? "config"
                         : !table ? "tensors"
                                  : "model");
    if (config->struct_size == 0 || tensor_count == 0)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_model_create: %s is 0",
                         tensor_count == 0 ? "tensor_count" : "config->struct_size");

    struct rwkv_model_config known = {.struct_size = 0};
    memcpy(&known, config, config->struct_size < sizeof known ? config->struct_size : sizeof known);
    const struct version *version = find_version(known.version);
    if (!version)
        return error_set(error, RWKV_ERROR_UNSUPPORTED, "RWKV version %" PRIu32 ": only 4, 5, 6 and 7 are known",
                         known.version);
    if (known.layer_count == 0) return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_model_create: layer_count is 0");
    if (!(known.layer_norm_epsilon >= 0 && known.group_norm_epsilon >= 0))
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_model_create: an epsilon is negative or not a number");
    if (!kernels_get()) return rwkv_cpu_info(&(struct rwkv_cpu_info){.struct_size = sizeof(uint32_t)}, error);

    struct rwkv_model *model = calloc(1, sizeof *model);
    if (!model) return error_set(error, RWKV_ERROR_MEMORY, "no memory for a model");
    model->version = version;
    model->kernels = kernels_get();
    model->allocated_bytes = sizeof *model;

    model->is_mapped = known.tensors_are_mapped != 0;
    for (uint64_t i = 0; model->is_mapped && i < tensor_count; i++)
        if (table[i].data) pages_prefer_huge(table[i].data, table[i].bytes);
    struct tensors tensors;
    tensors_start(&tensors, model, table, tensor_count, error);
    find_sizes(&tensors, &known);
    take_tensors(&tensors, &known);
    enum rwkv_status status = tensors_finish(&tensors);
    model->is_paired = model->max_columns[PANEL_S4] > 0 || model->max_columns[PANEL_U4] > 0;
    if (status == RWKV_OK && model->is_mapped)
        pages_prefer_small(model->embedding.data, model->embedding.rows * model->embedding.row_bytes);
    if (status == RWKV_OK && !known.dense) status = by_column_pack(model, error);
    if (status == RWKV_OK)
        *result = model;
    else
        rwkv_model_free(model);
    return status;
}

enum rwkv_status rwkv_model_info(const struct rwkv_model *model, struct rwkv_model_info *info,
                                 struct rwkv_error *error) {
    if (!model || !info || info->struct_size == 0)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_model_info: model or info is NULL, or its struct_size 0");
    const struct rwkv_model_info filled = {
        .struct_size = info->struct_size,
        .version = model->version->number,
        .layer_count = model->layer_count,
        .width = (uint32_t)model->width,
        .channel_mix_width = (uint32_t)model->channel_mix_width,
        .vocabulary_size = (uint32_t)model->vocabulary_size,
        .head_count = (uint32_t)model->head_count,
        .head_size = (uint32_t)model->head_size,
        .state_floats = state_floats(model),
        .parameter_count = model->parameter_count,
        .tensor_bytes = model->tensor_bytes,
        .allocated_bytes = model->allocated_bytes,
    };
    memcpy(info, &filled, info->struct_size < sizeof filled ? info->struct_size : sizeof filled);
    return RWKV_OK;
}
