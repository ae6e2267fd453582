/*
 * Calibration: two models read a text, layer by layer, and what their matrices are multiplied by is compared.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "observe.h"
#include "version.h"

/* One of the two models. */
struct reader {
    struct rwkv_context *context;
    struct rwkv_state *state;
    float *stream; /* [token_count][stream_floats]: before the layer that is next */
};

/* A matrix whose inputs are compared. */
struct watched {
    struct watched *next;
    size_t columns, block_columns;
    const float *original, *rounded; /* [rows][columns]: the inputs of a chunk */
    float *sums, *drift;             /* the caller's */
    float *transposed;               /* [columns][chunk_tokens]: the rounded model's inputs */
    float *differences;              /* ... and what is missing from them to the original's */
};

struct rwkv_calibration {
    struct reader original, rounded;
    size_t token_count, stream_floats;
    struct watched *watched; /* a list */
    size_t longest_block;
    float *scratch; /* [threads][longest_block] */
    uint32_t tokens[];
};

/* ------------------------------------------------------------------ a chunk of one model */

/* RWKV-7 hands the value of layer 0 on to all layers. */
static bool has_first_value(const struct rwkv_model *model) { return model->version->number == 7; }

static void move_rows(const struct rwkv_calibration *calibration, const struct reader *reader, size_t first,
                      bool to_stream) {
    const struct rwkv_context *context = reader->context;
    const struct rwkv_model *model = context->model;
    const size_t bytes = model->width * sizeof(float);
    for (size_t row = 0; row < context->chunk.rows; row++) {
        float *streams[] = {reader->stream + (first + row) * calibration->stream_floats, NULL};
        float *buffers[] = {context->buffers.x + row * model->width, context->buffers.v_first + row * model->width};
        if (has_first_value(model)) streams[1] = streams[0] + model->width;
        for (int i = 0; i < 2 && streams[i]; i++)
            memcpy(to_stream ? streams[i] : buffers[i], to_stream ? buffers[i] : streams[i], bytes);
    }
}

/* The tokens from `first` on, as many as fit, all of one sequence and all wanted. */
static void fill(const struct rwkv_calibration *calibration, const struct reader *reader, size_t first) {
    struct chunk *chunk = &reader->context->chunk;
    const size_t rest = calibration->token_count - first, most = reader->context->chunk_tokens;
    chunk->rows = chunk->wanted_count = (uint32_t)(rest < most ? rest : most);
    chunk->span_count = 1;
    chunk->spans[0] = (struct span){.state = reader->state->data, .first = 0, .rows = chunk->rows};
    for (uint32_t row = 0; row < chunk->rows; row++) {
        chunk->tokens[row] = calibration->tokens[first + row];
        chunk->span_of[row] = 0;
        chunk->slot_of[row] = chunk->wanted_rows[row] = row;
    }
}

static void embed_task(void *argument, struct worker *worker) { embed(argument, worker); }

/* What is computed of a model: a layer, or what comes before the head. */
struct part {
    const struct chunk *chunk;
    uint32_t layer;
};

static void part_task(void *argument, struct worker *worker) {
    const struct part *part = argument;
    const struct rwkv_model *model = part->chunk->model;
    if (part->layer == model->layer_count) {
        const struct product head = normalise_output(part->chunk, worker);
        observe(part->chunk, worker, &head, 1, part->chunk->rows);
        return;
    }
    const struct layer *layer = &model->layers[part->layer];
    model->version->time_mix(part->chunk, worker, layer);
    channel_mix(part->chunk, worker, layer, ALL_ROWS);
}

static void evaluate_part(const struct rwkv_calibration *calibration, const struct reader *reader, size_t first,
                          uint32_t layer) {
    struct part part = {.chunk = &reader->context->chunk, .layer = layer};
    fill(calibration, reader, first);
    move_rows(calibration, reader, first, false);
    pool_run(reader->context->pool, part_task, &part);
}

/* ------------------------------------------------------------------ sums of products */

/* Columns that are one item of work. */
#define ITEM_COLUMNS 32

static size_t item_count(const struct watched *watched) { return (watched->columns + ITEM_COLUMNS - 1) / ITEM_COLUMNS; }

/* Transposed, all values of one column lie one after the other, and are both a row of weights and activations. */
static void transpose_column(const struct watched *watched, size_t column, size_t rows) {
    float *transposed = watched->transposed + column * rows, *differences = watched->differences + column * rows;
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * watched->columns + column;
        transposed[row] = watched->rounded[at];
        differences[row] = watched->original[at] - watched->rounded[at];
    }
}

static void add_column(const struct watched *watched, size_t column, size_t rows, const struct kernels *kernels,
                       float *scratch) {
    const size_t block = watched->block_columns, first = column / block * block, rest = watched->columns - first;
    const size_t n = rest < block ? rest : block, i = column - first;
    const float *inputs = watched->transposed + first * rows, *input = inputs + i * rows;
    const float *difference = watched->differences + column * rows;
    float *sums = watched->sums + first * block + i * n, *drift = watched->drift + first * block + i * n;
    const size_t row_bytes = rows * sizeof *inputs;
    kernels->matrix[WEIGHT_F32].matvec(scratch, input, row_bytes, n - i, input, rows);
    kernels->add(sums + i, sums + i, scratch, n - i);
    kernels->matrix[WEIGHT_F32].matvec(scratch, inputs, row_bytes, n, difference, rows);
    kernels->add(drift, drift, scratch, n);
}

static void add_columns(const struct rwkv_calibration *calibration, const struct worker *worker,
                        const struct watched *watched, size_t item, bool transposed) {
    const struct chunk *chunk = &calibration->rounded.context->chunk;
    float *scratch = calibration->scratch + worker->index * calibration->longest_block;
    for (size_t c = item * ITEM_COLUMNS; c < (item + 1) * ITEM_COLUMNS && c < watched->columns; c++) {
        if (transposed)
            add_column(watched, c, chunk->rows, chunk->kernels, scratch);
        else
            transpose_column(watched, c, chunk->rows);
    }
}

static void sums_task(void *argument, struct worker *worker) {
    const struct rwkv_calibration *calibration = argument;
    for (const struct watched *watched = calibration->watched; watched; watched = watched->next) {
        for (int transposed = 0; transposed < 2; transposed++) {
            const size_t items = item_count(watched);
            for (size_t item; (item = pool_take(worker, items)) < items;)
                add_columns(calibration, worker, watched, item, transposed);
            pool_barrier(worker);
        }
    }
}

/* ------------------------------------------------------------------ the public functions */

static enum rwkv_status start_reader(struct rwkv_calibration *calibration, struct reader *reader,
                                     const struct rwkv_model *model, const struct rwkv_context_config *config,
                                     struct rwkv_error *error) {
    enum rwkv_status status = rwkv_context_create(model, config, &reader->context, error);
    if (status == RWKV_OK) status = rwkv_state_create(model, &reader->state, error);
    if (status != RWKV_OK) return status;
    const size_t floats = calibration->token_count * calibration->stream_floats;
    reader->stream = calloc(floats, sizeof *reader->stream);
    if (!reader->stream)
        return error_set(error, RWKV_ERROR_MEMORY, "no memory for a residual stream of %zu floats", floats);
    for (size_t first = 0; first < calibration->token_count; first += reader->context->chunk.rows) {
        fill(calibration, reader, first);
        pool_run(reader->context->pool, embed_task, &reader->context->chunk);
        move_rows(calibration, reader, first, true);
    }
    return RWKV_OK;
}

static enum rwkv_status check_models(const struct rwkv_model *original, const struct rwkv_model *rounded,
                                     struct rwkv_error *error) {
    if (original->version != rounded->version || original->layer_count != rounded->layer_count ||
        original->width != rounded->width || original->channel_mix_width != rounded->channel_mix_width ||
        original->vocabulary_size != rounded->vocabulary_size)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_calibration_create: the models differ in version, layers, widths or vocabulary");
    if (rounded->is_mapped) /* its pages are released, and what had been written to them with them */
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_calibration_create: the rounded model is one whose tensors are mapped");
    for (uint32_t layer = 0; layer < rounded->layer_count; layer++)
        if (rounded->layers[layer].channel_value.by_column) /* a copy, which knows nothing of later changes */
            return error_set(error, RWKV_ERROR_ARGUMENT,
                             "rwkv_calibration_create: the rounded model is not dense, as it has to be");
    return RWKV_OK;
}

static enum rwkv_status check_tokens(const struct rwkv_model *model, const uint32_t *tokens, uint64_t token_count,
                                     struct rwkv_error *error) {
    for (uint64_t t = 0; t < token_count; t++)
        if (tokens[t] >= model->vocabulary_size)
            return error_set(error, RWKV_ERROR_ARGUMENT,
                             "token %" PRIu64 " is %" PRIu32 ", but the vocabulary has only %zu", t, tokens[t],
                             model->vocabulary_size);
    return RWKV_OK;
}

enum rwkv_status rwkv_calibration_create(const struct rwkv_model *original, const struct rwkv_model *rounded,
                                         const struct rwkv_context_config *config, const uint32_t *tokens,
                                         uint64_t token_count, struct rwkv_calibration **result,
                                         struct rwkv_error *error) {
    if (result) *result = NULL;
    if (!original || !rounded || !tokens || token_count == 0 || !result)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_calibration_create: a model, tokens or calibration is NULL, or token_count 0");
    enum rwkv_status status = check_models(original, rounded, error);
    if (status == RWKV_OK) status = check_tokens(original, tokens, token_count, error);
    if (status != RWKV_OK) return status;
    struct rwkv_calibration *calibration = calloc(1, sizeof *calibration + token_count * sizeof *tokens);
    if (!calibration) return error_set(error, RWKV_ERROR_MEMORY, "no memory for %" PRIu64 " tokens", token_count);
    calibration->token_count = (size_t)token_count;
    calibration->stream_floats = (has_first_value(original) ? 2 : 1) * original->width;
    memcpy(calibration->tokens, tokens, (size_t)token_count * sizeof *tokens);
    status = start_reader(calibration, &calibration->original, original, config, error);
    if (status == RWKV_OK) status = start_reader(calibration, &calibration->rounded, rounded, config, error);
    if (status == RWKV_OK)
        *result = calibration;
    else
        rwkv_calibration_free(calibration);
    return status;
}

static void free_watched(struct watched *watched) {
    free(watched->transposed);
    free(watched->differences);
    free(watched);
}

static void watch_nothing(struct rwkv_calibration *calibration) {
    while (calibration->watched) {
        struct watched *watched = calibration->watched;
        calibration->watched = watched->next;
        free_watched(watched);
    }
    if (calibration->original.context) observations_end(calibration->original.context, NULL);
    if (calibration->rounded.context) observations_end(calibration->rounded.context, NULL);
}

static void free_reader(struct reader *reader) {
    rwkv_context_free(reader->context);
    rwkv_state_free(reader->state);
    free(reader->stream);
}

void rwkv_calibration_free(struct rwkv_calibration *calibration) {
    if (!calibration) return;
    watch_nothing(calibration);
    free_reader(&calibration->original);
    free_reader(&calibration->rounded);
    free(calibration->scratch);
    free(calibration);
}

/* Memory for the sums of a block of so many columns. */
static bool make_room(struct rwkv_calibration *calibration, size_t columns) {
    if (columns <= calibration->longest_block) return true;
    float *scratch = malloc(calibration->rounded.context->thread_count * columns * sizeof *scratch);
    if (!scratch) return false;
    free(calibration->scratch);
    calibration->scratch = scratch;
    calibration->longest_block = columns;
    return true;
}

static enum rwkv_status fill_watched(struct rwkv_calibration *calibration, struct watched *watched, const char *tensor,
                                     uint32_t block_columns, uint64_t floats, struct rwkv_error *error) {
    size_t columns;
    enum rwkv_status status =
        observe_rows(calibration->original.context, tensor, &watched->original, &watched->columns, error);
    if (status == RWKV_OK)
        status = observe_rows(calibration->rounded.context, tensor, &watched->rounded, &columns, error);
    if (status != RWKV_OK) return status;
    if (columns != watched->columns)
        return error_set(error, RWKV_ERROR_ARGUMENT, "matrix %s has %zu columns in one model, %zu in the other", tensor,
                         watched->columns, columns);
    const size_t block = block_columns < columns ? block_columns : columns;
    const size_t rest = columns % block, expected = (columns - rest) * block + rest * rest;
    if (floats != expected)
        return error_set(error, RWKV_ERROR_ARGUMENT, "%" PRIu64 " floats for the sums of matrix %s, expected %zu",
                         floats, tensor, expected);
    watched->block_columns = block;
    const size_t values = columns * calibration->rounded.context->chunk_tokens;
    watched->transposed = malloc(values * sizeof *watched->transposed);
    watched->differences = malloc(values * sizeof *watched->differences);
    if (!watched->transposed || !watched->differences || !make_room(calibration, block))
        return error_set(error, RWKV_ERROR_MEMORY, "no memory to watch matrix %s", tensor);
    return RWKV_OK;
}

enum rwkv_status rwkv_calibration_watch(struct rwkv_calibration *calibration, const char *tensor,
                                        uint32_t block_columns, float *sums, float *drift, uint64_t floats,
                                        struct rwkv_error *error) {
    if (!calibration || !tensor || !sums || !drift || block_columns == 0)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_calibration_watch: calibration, tensor, sums or drift is NULL, or block_columns 0");
    struct watched *watched = calloc(1, sizeof *watched);
    if (!watched) return error_set(error, RWKV_ERROR_MEMORY, "no memory to watch matrix %s", tensor);
    watched->sums = sums;
    watched->drift = drift;
    struct rwkv_context *original = calibration->original.context, *rounded = calibration->rounded.context;
    const struct observation *const last[] = {original->chunk.observations, rounded->chunk.observations};
    const enum rwkv_status status = fill_watched(calibration, watched, tensor, block_columns, floats, error);
    if (status != RWKV_OK) {
        observations_end(original, last[0]);
        observations_end(rounded, last[1]);
        free_watched(watched);
        return status;
    }
    watched->next = calibration->watched;
    calibration->watched = watched;
    return RWKV_OK;
}

enum rwkv_status rwkv_calibration_read(struct rwkv_calibration *calibration, uint32_t layer, uint32_t advance,
                                       struct rwkv_error *error) {
    if (!calibration) return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_calibration_read: calibration is NULL");
    struct reader *readers[] = {&calibration->original, &calibration->rounded};
    const uint32_t head = calibration->original.context->model->layer_count, most = advance ? head - 1 : head;
    if (layer > most)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_calibration_read: layer is %" PRIu32 ", expected at most %" PRIu32, layer, most);
    for (size_t i = 0; i < 2; i++) rwkv_state_reset(readers[i]->state, NULL);
    for (size_t first = 0; first < calibration->token_count; first += readers[0]->context->chunk.rows) {
        for (size_t i = 0; i < 2; i++) {
            evaluate_part(calibration, readers[i], first, layer);
            if (advance) move_rows(calibration, readers[i], first, true);
        }
        if (calibration->watched) pool_run(calibration->rounded.context->pool, sums_task, calibration);
    }
    watch_nothing(calibration);
    return RWKV_OK;
}
