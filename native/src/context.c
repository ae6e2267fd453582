/*
 * Contexts. All scratch is one allocation: what of it is not touched, because fewer tokens are evaluated together than
 * there is room for, costs address space only.
 */
#include "context.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/columns.h"
#include "cpu/thread.h"
#include "observe.h"
#include "version.h"

#define DEFAULT_CHUNK_TOKENS 128
#define MAX_CHUNK_TOKENS 4096
#define MAX_THREADS 1024
#define ALIGNMENT 64

/* ------------------------------------------------------------------ scratch */

/* Hands out pieces of memory; without memory it only counts them. */
struct arena {
    char *memory;
    size_t used;
};

static void *take(struct arena *arena, size_t count, size_t bytes) {
    void *piece = arena->memory ? arena->memory + arena->used : NULL;
    arena->used += (count * bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return piece;
}

static struct activations take_activations(struct arena *arena, const struct rwkv_model *model, size_t rows,
                                           size_t columns) {
    const size_t whole = (columns + Q8_GROUP - 1) / Q8_GROUP * Q8_GROUP;
    struct activations activations = {.float_stride = columns,
                                      .q8_stride = model->is_paired ? paired_row_bytes(whole) : q8_row_bytes(whole)};
    activations.floats = take(arena, rows, columns * sizeof(float));
    activations.q8 = take(arena, rows, activations.q8_stride);
    return activations;
}

/* Of the panels that are unpacked at once. */
static size_t max_panels_bytes(const struct rwkv_model *model) {
    const struct kernels *kernels = model->kernels;
    size_t max = 0;
    for (int panel = 0; panel < PANEL_COUNT; panel++) {
        if (model->max_columns[panel] == 0) continue;
        const size_t bytes = kernels->panel_bytes((enum panel)panel, model->max_columns[panel]);
        if (bytes > max) max = bytes;
    }
    for (uint32_t i = 0; i < model->layer_count; i++) {
        const struct matrix *matrix = &model->layers[i].channel_value;
        if (!matrix->by_column || !kernels->columns[matrix->type].pack) continue;
        const size_t panels = COLUMN_PACK_ROWS / kernels->panel_rows;
        const size_t bytes = panels * kernels->panel_bytes(kernels->matrix[matrix->type].panel, matrix->columns);
        if (bytes > max) max = bytes;
    }
    return max;
}

static void take_buffers(struct arena *arena, struct buffers *b, const struct rwkv_model *model, size_t rows) {
    const size_t row_bytes = model->width * sizeof(float);
    float **const plain[] = {&b->x, &b->h, &b->r, &b->k, &b->v, &b->w, &b->a, &b->g, &b->kappa, &b->v_mix, &b->v_first};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) *plain[i] = take(arena, rows, row_bytes);
    for (size_t i = 0; i < MAX_LERPS; i++) b->mix[i] = take_activations(arena, model, rows, model->width);
    for (size_t i = 0; i < MAX_LOW_RANKS; i++) b->low[i] = take_activations(arena, model, rows, model->max_rank);
    b->y = take_activations(arena, model, rows, model->width);
    b->hidden = take_activations(arena, model, rows, model->channel_mix_width);
    b->parts = take(arena, COLUMN_PARTS, column_rows(model->width) * sizeof(float));
    b->arrived = take(arena, COLUMN_PARTS, sizeof *b->arrived);
    b->embedded = take(arena, 1, sizeof *b->embedded);
}

static void take_desk(struct arena *arena, struct desk *desk, const struct rwkv_model *model, size_t rows) {
    const size_t panel_rows = model->kernels->panel_rows;
    const size_t panel_results = rows * (panel_rows > COLUMN_PACK_ROWS ? panel_rows : COLUMN_PACK_ROWS);
    const size_t tile = panel_results > MAX_ITEM_ROWS ? panel_results : MAX_ITEM_ROWS;
    desk->panels = take(arena, 1, max_panels_bytes(model));
    desk->tile = take(arena, tile, sizeof(float));
    desk->row = take(arena, model->width, sizeof(float));
    desk->lerp = take(arena, model->width, sizeof(float));
    desk->h = take(arena, model->width, sizeof(float));
    for (size_t i = 0; i < MAX_LERPS; i++) desk->mix[i] = take_activations(arena, model, 1, model->width);
}

static void take_chunk(struct arena *arena, struct chunk *chunk, size_t rows) {
    chunk->tokens = take(arena, rows, sizeof *chunk->tokens);
    chunk->span_of = take(arena, rows, sizeof *chunk->span_of);
    chunk->spans = take(arena, rows, sizeof *chunk->spans);
    chunk->wanted_rows = take(arena, rows, sizeof *chunk->wanted_rows);
    chunk->slot_of = take(arena, rows, sizeof *chunk->slot_of);
    chunk->logits = take(arena, rows, sizeof *chunk->logits);
}

static void lay_out(struct arena *arena, struct rwkv_context *context) {
    const size_t rows = context->chunk_tokens;
    take_buffers(arena, &context->buffers, context->model, rows);
    for (uint32_t i = 0; i < context->thread_count; i++) take_desk(arena, &context->desks[i], context->model, rows);
    take_chunk(arena, &context->chunk, rows);
}

static bool allocate_scratch(struct rwkv_context *context) {
    struct arena arena = {.memory = NULL};
    lay_out(&arena, context);
    context->memory_bytes = arena.used + ALIGNMENT;
    context->memory = malloc(context->memory_bytes);
    if (!context->memory) return false;
    const size_t misaligned = (uintptr_t)context->memory % ALIGNMENT;
    arena = (struct arena){.memory = (char *)context->memory + (misaligned ? ALIGNMENT - misaligned : 0)};
    lay_out(&arena, context);
    for (size_t i = 0; i < COLUMN_PARTS; i++) atomic_init(&context->buffers.arrived[i], 0);
    atomic_init(context->buffers.embedded, 0);
    return true;
}

/* ------------------------------------------------------------------ the public functions */

static enum rwkv_status check_config(struct rwkv_context_config *config, struct rwkv_error *error) {
    if (config->thread_count == 0) config->thread_count = thread_processor_count();
    if (config->chunk_tokens == 0) config->chunk_tokens = DEFAULT_CHUNK_TOKENS;
    if (config->thread_count > MAX_THREADS)
        return error_set(error, RWKV_ERROR_ARGUMENT, "thread_count is %" PRIu32 ", expected at most %d",
                         config->thread_count, MAX_THREADS);
    if (config->chunk_tokens > MAX_CHUNK_TOKENS)
        return error_set(error, RWKV_ERROR_ARGUMENT, "chunk_tokens is %" PRIu32 ", expected at most %d",
                         config->chunk_tokens, MAX_CHUNK_TOKENS);
    return RWKV_OK;
}

enum rwkv_status rwkv_context_create(const struct rwkv_model *model, const struct rwkv_context_config *config,
                                     struct rwkv_context **result, struct rwkv_error *error) {
    if (result) *result = NULL;
    if (!model || !result || (config && config->struct_size == 0))
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_context_create: model or context is NULL, or config->struct_size 0");
    struct rwkv_context_config known = {.struct_size = 0};
    if (config) memcpy(&known, config, config->struct_size < sizeof known ? config->struct_size : sizeof known);
    enum rwkv_status status = check_config(&known, error);
    if (status != RWKV_OK) return status;

    struct rwkv_context *context = calloc(1, sizeof *context);
    if (!context) return error_set(error, RWKV_ERROR_MEMORY, "no memory for a context");
    context->model = model;
    context->thread_count = known.thread_count;
    context->crowd = crowd_begin(known.thread_count);
    context->chunk_tokens = known.chunk_tokens;
    context->desks = calloc(known.thread_count, sizeof *context->desks);
    if (!context->desks || !allocate_scratch(context))
        status = error_set(error, RWKV_ERROR_MEMORY,
                           "no memory for scratch: %zu bytes for chunks of %" PRIu32 " tokens and %" PRIu32 " threads",
                           context->memory_bytes, known.chunk_tokens, known.thread_count);
    if (status == RWKV_OK) status = pool_create(known.thread_count, &context->pool, error);
    if (status != RWKV_OK) {
        rwkv_context_free(context);
        return status;
    }
    context->chunk.model = model;
    context->chunk.kernels = model->kernels;
    context->chunk.buffers = &context->buffers;
    context->chunk.desks = context->desks;
    *result = context;
    return RWKV_OK;
}

void rwkv_context_free(struct rwkv_context *context) {
    if (!context) return;
    pool_free(context->pool);
    observations_end(context, NULL);
    free(context->memory);
    free(context->desks);
    free(context);
}

enum rwkv_status rwkv_context_info(const struct rwkv_context *context, struct rwkv_context_info *info,
                                   struct rwkv_error *error) {
    if (!context || !info || info->struct_size == 0)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_context_info: context or info is NULL, or its struct_size 0");
    const struct rwkv_context_info filled = {
        .struct_size = info->struct_size,
        .thread_count = context->thread_count,
        .chunk_tokens = context->chunk_tokens,
        .scratch_bytes = context->memory_bytes,
    };
    memcpy(info, &filled, info->struct_size < sizeof filled ? info->struct_size : sizeof filled);
    return RWKV_OK;
}
