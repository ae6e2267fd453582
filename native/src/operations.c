#include "operations.h"

#include <string.h>

#include "observe.h"

#include "cpu/columns.h"
#include "quant/blocks.h"

/* Rows that are one item of an operation that works row by row. */
#define ROW_BLOCK 8

static uint32_t selected_rows(const struct chunk *chunk, enum selection selection) {
    return selection == ALL_ROWS ? chunk->rows : chunk->wanted_count;
}

static size_t row_blocks(size_t rows) { return (rows + ROW_BLOCK - 1) / ROW_BLOCK; }

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

static float *row_of(float *rows, size_t row, const struct chunk *chunk) { return rows + row * chunk->model->width; }

static float *floats_of(const struct activations *activations, size_t row) {
    return activations->floats + row * activations->float_stride;
}

static void *q8_of(const struct activations *activations, size_t row) {
    return activations->q8 + row * activations->q8_stride;
}

static bool wants_q8(const struct matrix *matrix) { return weight_type_is_block(matrix->type); }

float *layer_state(const struct chunk *chunk, const struct span *span, const struct layer *layer) {
    return span->state + layer->index * state_layer_floats(chunk->model);
}

/* ------------------------------------------------------------------ embedding */

void embed(const struct chunk *chunk, struct worker *worker) {
    const struct rwkv_model *model = chunk->model;
    const struct matrix *table = &model->embedding;
    for (size_t block; (block = pool_take(worker, row_blocks(chunk->rows))) < row_blocks(chunk->rows);) {
        for (size_t row = block * ROW_BLOCK; row < min_size((block + 1) * ROW_BLOCK, chunk->rows); row++) {
            float *x = row_of(chunk->buffers->x, row, chunk);
            decode_row(table->type, x, table->data + chunk->tokens[row] * table->row_bytes, model->width);
            if (model->embedding_norm.weight)
                chunk->kernels->layer_norm(x, x, model->embedding_norm.weight, model->embedding_norm.bias,
                                           model->layer_norm_epsilon, model->width);
        }
    }
    pool_barrier(worker);
}

/* ------------------------------------------------------------------ token shift */

struct lerp lerp_for(const struct matrix *consumer, const struct matrix *consumer_2, const float *weight,
                     const struct activations *out) {
    struct lerp lerp = {.weight = weight, .out = out};
    lerp.q8 = wants_q8(consumer) || (consumer_2 && wants_q8(consumer_2));
    lerp.floats = !wants_q8(consumer) || (consumer_2 && !wants_q8(consumer_2));
    return lerp;
}

/* Where the lerp of a row is computed: nobody needs the floats if only the q8 form is wanted and nothing observed. */
static float *lerp_floats(const struct chunk *chunk, const struct lerp *lerp, size_t slot, const struct desk *desk) {
    return lerp->floats || chunk->observations ? floats_of(lerp->out, slot) : desk->lerp;
}

static void finish_lerp(const struct chunk *chunk, const struct lerp *lerp, size_t slot, const float *floats) {
    if (lerp->q8) chunk->kernels->quantise_q8(q8_of(lerp->out, slot), floats, chunk->model->width);
}

void normalise_and_mix(const struct chunk *chunk, struct worker *worker, const struct layer *layer,
                       const struct norm *norm, size_t shift, const struct lerp *lerps, size_t lerp_count,
                       enum selection selection) {
    const struct kernels *kernels = chunk->kernels;
    const struct desk *desk = &chunk->desks[worker->index];
    const size_t width = chunk->model->width;
    const float epsilon = chunk->model->layer_norm_epsilon;

    for (size_t block; (block = pool_take(worker, row_blocks(chunk->rows))) < row_blocks(chunk->rows);) {
        const size_t first = block * ROW_BLOCK, end = min_size(first + ROW_BLOCK, chunk->rows);
        for (size_t row = first; row < end; row++) {
            const struct span *span = &chunk->spans[chunk->span_of[row]];
            const float *x = row_of(chunk->buffers->x, row, chunk);
            float *h = row_of(chunk->buffers->h, row, chunk);
            kernels->layer_norm(h, x, norm->weight, norm->bias, epsilon, width);

            const size_t slot = selection == ALL_ROWS ? row : chunk->slot_of[row];
            if (slot == NO_SLOT) continue;
            const float *previous = h - width;
            if (row == span->first) {
                previous = layer_state(chunk, span, layer) + shift;
            } else if (row == first) { /* another item's row: once more, instead of waiting for it */
                kernels->layer_norm(desk->row, x - width, norm->weight, norm->bias, epsilon, width);
                previous = desk->row;
            }
            for (size_t i = 0; i < lerp_count; i++) {
                float *out = lerp_floats(chunk, &lerps[i], slot, desk);
                kernels->lerp(out, h, previous, lerps[i].weight, width);
                finish_lerp(chunk, &lerps[i], slot, out);
            }
        }
    }
    pool_barrier(worker);
}

void mix_again(const struct chunk *chunk, struct worker *worker, const struct layer *layer, size_t shift,
               const struct lerp *lerps, size_t lerp_count) {
    const struct kernels *kernels = chunk->kernels;
    const struct desk *desk = &chunk->desks[worker->index];
    const size_t width = chunk->model->width;

    for (size_t block; (block = pool_take(worker, row_blocks(chunk->rows))) < row_blocks(chunk->rows);) {
        for (size_t row = block * ROW_BLOCK; row < min_size((block + 1) * ROW_BLOCK, chunk->rows); row++) {
            const struct span *span = &chunk->spans[chunk->span_of[row]];
            const float *h = row_of(chunk->buffers->h, row, chunk);
            const float *previous = row == span->first ? layer_state(chunk, span, layer) + shift : h - width;
            for (size_t i = 0; i < lerp_count; i++) {
                float *out = lerp_floats(chunk, &lerps[i], row, desk);
                kernels->add(desk->row, floats_of(lerps[i].out, row), lerps[i].weight, width);
                kernels->lerp(out, h, previous, desk->row, width);
                finish_lerp(chunk, &lerps[i], row, out);
            }
        }
    }
    pool_barrier(worker);
}

void remember_shift(const struct chunk *chunk, struct worker *worker, const struct layer *layer, size_t shift) {
    if (worker->index != 0) return;
    const size_t width = chunk->model->width;
    for (size_t i = 0; i < chunk->span_count; i++) {
        const struct span *span = &chunk->spans[i];
        const float *last = row_of(chunk->buffers->h, span->first + span->rows - 1, chunk);
        memcpy(layer_state(chunk, span, layer) + shift, last, width * sizeof *last);
    }
}

/* ------------------------------------------------------------------ matrix products
 *
 * Many rows of activations: an item is a panel, whose weights are unpacked once and then used for all of them.
 * Few: the kernel for one row of activations is called for each; an item is many weight rows, which stay in the cache
 * meanwhile. The items of a thread lie one after the other, so that their size matters little for reading memory: it is
 * a compromise between calls and what threads wait for each other at the end.
 */

/* Rows of activations from which on unpacking pays. */
#define MIN_PANEL_TOKENS 3

#define ITEM_BYTES 65536

static bool by_panels(const struct chunk *chunk, const struct matrix *matrix, size_t tokens) {
    const struct kernels *kernels = chunk->kernels;
    const bool can_pack = matrix->by_column ? kernels->columns[matrix->type].pack : kernels->matrix[matrix->type].pack;
    return tokens >= MIN_PANEL_TOKENS && can_pack;
}

static size_t rows_per_item(const struct chunk *chunk, const struct matrix *matrix, size_t tokens) {
    if (by_panels(chunk, matrix, tokens)) return chunk->kernels->panel_rows;
    const size_t rows = ITEM_BYTES / matrix->row_bytes;
    return rows < 1 ? 1 : min_size(rows, MAX_ITEM_ROWS);
}

static size_t item_count(const struct chunk *chunk, const struct matrix *matrix, size_t tokens) {
    const size_t rows = rows_per_item(chunk, matrix, tokens);
    return (matrix->rows + rows - 1) / rows;
}

/* What remains to be done with the results [tokens][rows] of some weight rows, of which `first` is the first. */
static void finish_rows(const struct chunk *chunk, const struct product *product, const float *results,
                        size_t result_stride, size_t first, size_t rows, size_t first_token, size_t tokens,
                        enum selection selection) {
    const struct kernels *kernels = chunk->kernels;
    for (size_t i = 0; i < tokens; i++, results += result_stride) {
        const size_t token = first_token + i;
        if (product->outputs) {
            memcpy(product->outputs[token] + first, results, rows * sizeof *results);
        } else if (product->add) {
            const size_t place = selection == ALL_ROWS ? token : chunk->wanted_rows[token];
            float *output = product->output + place * product->stride + first;
            if (product->gate) {
                float gated[MAX_ITEM_ROWS];
                kernels->multiply(gated, results, product->gate + token * product->stride + first, rows);
                kernels->add_scaled(output, output, gated, product->matrix->scale, rows);
            } else {
                kernels->add_scaled(output, output, results, product->matrix->scale, rows);
            }
        } else if (product->activation) {
            float *output = product->output + token * product->stride + first;
            product->activation(output, output, rows);
        }
    }
}

static void multiply_item(const struct chunk *chunk, const struct desk *desk, const struct product *product,
                          size_t item, size_t tokens, enum selection selection) {
    const struct matrix *matrix = product->matrix;
    const struct matrix_kernels *kernels = &chunk->kernels->matrix[matrix->type];
    const size_t per_item = rows_per_item(chunk, matrix, tokens);
    const size_t first = item * per_item, rows = min_size(per_item, matrix->rows - first);
    const char *weights = matrix->data + first * matrix->row_bytes;
    const bool direct = !product->add && !product->outputs;

    const struct activations *input = product->input;
    const char *x = wants_q8(matrix) ? input->q8 : (const char *)input->floats;
    const size_t x_stride = wants_q8(matrix) ? input->q8_stride : input->float_stride * sizeof(float);

    if (by_panels(chunk, matrix, tokens)) {
        float *results = direct ? product->output + first : desk->tile;
        const size_t stride = direct ? product->stride : rows;
        if (matrix->by_column)
            chunk->kernels->columns[matrix->type].pack(desk->panel, matrix->by_column, matrix->rows, first,
                                                       matrix->columns);
        else
            kernels->pack(desk->panel, weights, matrix->row_bytes, rows, matrix->columns);
        chunk->kernels->gemm[kernels->panel](results, stride, desk->panel, rows, x, x_stride, tokens, matrix->columns);
        finish_rows(chunk, product, results, stride, first, rows, 0, tokens, selection);
        return;
    }
    for (size_t token = 0; token < tokens; token++) {
        float *results = direct ? product->output + token * product->stride + first : desk->tile;
        kernels->matvec(results, weights, matrix->row_bytes, rows, x + token * x_stride, matrix->columns);
        finish_rows(chunk, product, results, rows, first, rows, token, 1, selection);
    }
}

void multiply(const struct chunk *chunk, struct worker *worker, const struct product *products, size_t count,
              enum selection selection) {
    const size_t tokens = selected_rows(chunk, selection);
    if (tokens == 0) return;
    observe(chunk, worker, products, count, tokens);
    const struct desk *desk = &chunk->desks[worker->index];
    size_t ends[MAX_PRODUCTS], items = 0; /* of all products, one after the other */
    for (size_t i = 0; i < count; i++) ends[i] = items += item_count(chunk, products[i].matrix, tokens);
    for (size_t item; (item = pool_take(worker, items)) < items;) {
        size_t i = 0;
        while (item >= ends[i]) i++;
        multiply_item(chunk, desk, &products[i], i == 0 ? item : item - ends[i - 1], tokens, selection);
    }
    pool_barrier(worker);
}

/*
 * A matrix that lies by column, one row of activations after the other. Columns are divided among the threads, since
 * the longer the runs of memory are that one column gives, the faster they are read; in parts whose number does not
 * depend on that of the threads. Each part gives a sum for every row, and these are then added up.
 */

/* Rows whose sums are added up as one item. */
#define SUM_ROWS 256
_Static_assert(SUM_ROWS <= MAX_ITEM_ROWS, "the results of an item are on the desk");

static void multiply_part(const struct chunk *chunk, const struct matrix *matrix, const void *x, size_t part,
                          size_t parts) {
    const size_t groups = column_groups(matrix->columns);
    const size_t first = part * groups / parts, end = (part + 1) * groups / parts;
    float *sums = chunk->buffers->parts + part * column_rows(matrix->rows);
    chunk->kernels->columns[matrix->type].multiply(sums, matrix->by_column, matrix->rows, x, matrix->columns, first,
                                                   end - first);
}

static void add_parts(const struct chunk *chunk, float *results, size_t parts, size_t stride, size_t first,
                      size_t rows) {
    const float *sums = chunk->buffers->parts + first;
    memcpy(results, sums, rows * sizeof *results);
    for (size_t part = 1; part < parts; part++) chunk->kernels->add(results, results, sums + part * stride, rows);
}

static void multiply_by_column(const struct chunk *chunk, struct worker *worker, const struct product *product,
                               enum selection selection) {
    const struct matrix *matrix = product->matrix;
    const size_t parts = min_size(COLUMN_PARTS, column_groups(matrix->columns));
    float *results = chunk->desks[worker->index].tile;
    observe(chunk, worker, product, 1, selected_rows(chunk, selection));
    for (size_t token = 0; token < selected_rows(chunk, selection); token++) {
        const void *x = wants_q8(matrix) ? q8_of(product->input, token) : floats_of(product->input, token);
        for (size_t part; (part = pool_take(worker, parts)) < parts;) multiply_part(chunk, matrix, x, part, parts);
        pool_barrier(worker);
        const size_t items = (matrix->rows + SUM_ROWS - 1) / SUM_ROWS;
        for (size_t item; (item = pool_take(worker, items)) < items;) {
            const size_t first = item * SUM_ROWS, rows = min_size(SUM_ROWS, matrix->rows - first);
            add_parts(chunk, results, parts, column_rows(matrix->rows), first, rows);
            finish_rows(chunk, product, results, rows, first, rows, token, 1, selection);
        }
        pool_barrier(worker);
    }
}

void prepare(const struct chunk *chunk, struct worker *worker, const struct product *products, size_t count,
             enum selection selection) {
    bool wanted = false;
    for (size_t i = 0; i < count; i++) wanted |= wants_q8(products[i].matrix);
    const size_t rows = selected_rows(chunk, selection);
    if (!wanted || rows == 0) return;

    for (size_t block; (block = pool_take(worker, row_blocks(rows))) < row_blocks(rows);) {
        for (size_t row = block * ROW_BLOCK; row < min_size((block + 1) * ROW_BLOCK, rows); row++) {
            for (size_t i = 0; i < count; i++) {
                const struct activations *input = products[i].input;
                if (wants_q8(products[i].matrix))
                    chunk->kernels->quantise_q8(q8_of(input, row), floats_of(input, row), products[i].matrix->columns);
            }
        }
    }
    pool_barrier(worker);
}

/* ------------------------------------------------------------------ the rest */

void each_part(const struct chunk *chunk, struct worker *worker, const struct layer *layer, size_t parts,
               part_body *body) {
    const size_t items = chunk->span_count * parts;
    for (size_t item; (item = pool_take(worker, items)) < items;)
        body(chunk, layer, &chunk->spans[item / parts], item % parts);
    pool_barrier(worker);
}

void add_output(const struct chunk *chunk, struct worker *worker, const struct layer *layer) {
    const struct product output = {.matrix = &layer->output,
                                   .input = &chunk->buffers->y,
                                   .output = chunk->buffers->x,
                                   .stride = chunk->model->width,
                                   .add = true};
    prepare(chunk, worker, &output, 1, ALL_ROWS);
    multiply(chunk, worker, &output, 1, ALL_ROWS);
}

void channel_mix(const struct chunk *chunk, struct worker *worker, const struct layer *layer,
                 enum selection selection) {
    const struct buffers *b = chunk->buffers;
    const struct kernels *kernels = chunk->kernels;
    const size_t width = chunk->model->width, hidden_width = chunk->model->channel_mix_width;
    const bool has_receptance = layer->channel_receptance.data != NULL;
    const size_t shift = state_channel_shift_offset(chunk->model);

    struct lerp lerps[2] = {lerp_for(&layer->channel_key, NULL, layer->channel_lerp_k, &b->mix[0])};
    struct product products[2] = {
        {.matrix = &layer->channel_key,
         .input = &b->mix[0],
         .output = b->hidden.floats,
         .stride = hidden_width,
         .activation = kernels->relu_squared},
    };
    if (has_receptance) {
        lerps[1] = lerp_for(&layer->channel_receptance, NULL, layer->channel_lerp_r, &b->mix[1]);
        products[1] = (struct product){.matrix = &layer->channel_receptance,
                                       .input = &b->mix[1],
                                       .output = b->r,
                                       .stride = width,
                                       .activation = kernels->sigmoid};
    }
    const size_t count = has_receptance ? 2 : 1;
    normalise_and_mix(chunk, worker, layer, &layer->ln2, shift, lerps, count, selection);
    remember_shift(chunk, worker, layer, shift);
    multiply(chunk, worker, products, count, selection);

    const struct product value = {.matrix = &layer->channel_value,
                                  .input = &b->hidden,
                                  .output = b->x,
                                  .stride = width,
                                  .add = true,
                                  .gate = has_receptance ? b->r : NULL};
    prepare(chunk, worker, &value, 1, selection);
    if (value.matrix->by_column && !by_panels(chunk, value.matrix, selected_rows(chunk, selection)))
        multiply_by_column(chunk, worker, &value, selection);
    else
        multiply(chunk, worker, &value, 1, selection);
}

struct product normalise_output(const struct chunk *chunk, struct worker *worker) {
    const struct rwkv_model *model = chunk->model;
    const struct activations *y = &chunk->buffers->y;
    for (size_t slot; (slot = pool_take(worker, chunk->wanted_count)) < chunk->wanted_count;) {
        const float *x = row_of(chunk->buffers->x, chunk->wanted_rows[slot], chunk);
        chunk->kernels->layer_norm(floats_of(y, slot), x, model->output_norm.weight, model->output_norm.bias,
                                   model->layer_norm_epsilon, model->width);
        if (wants_q8(&model->head)) chunk->kernels->quantise_q8(q8_of(y, slot), floats_of(y, slot), model->width);
    }
    pool_barrier(worker);
    return (struct product){.matrix = &model->head, .input = y, .outputs = chunk->logits};
}

void compute_logits(const struct chunk *chunk, struct worker *worker) {
    if (chunk->wanted_count == 0) return;
    const struct product head = normalise_output(chunk, worker);
    multiply(chunk, worker, &head, 1, WANTED_ROWS);
}
