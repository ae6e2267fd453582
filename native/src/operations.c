#include "operations.h"

#include <stdatomic.h>
#include <string.h>

#include "ahead.h"
#include "observe.h"

#include "cpu/columns.h"
#include "cpu/pages.h"
#include "quant/blocks.h"

/* Rows that are one item of an operation that works row by row. */
#define ROW_BLOCK 8

static uint32_t selected_rows(const struct chunk *chunk, enum selection selection) {
    return selection == ALL_ROWS ? chunk->rows : chunk->wanted_count;
}

static size_t row_blocks(size_t rows) { return (rows + ROW_BLOCK - 1) / ROW_BLOCK; }

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

static float *row_of(float *rows, size_t row, const struct chunk *chunk) { return rows + row * chunk->model->width; }

static float *floats_of(const struct activations *activations, size_t row) {
    return activations->floats + row * activations->float_stride;
}

static void *q8_of(const struct activations *activations, size_t row) {
    return activations->q8 + row * activations->q8_stride;
}

static bool wants_q8(const struct matrix *matrix) { return weight_type_is_block(matrix->type); }

const struct activations *if_quantised(const struct matrix *consumer, const struct activations *activations) {
    return wants_q8(consumer) ? activations : NULL;
}

/* Values `first` to `first` + `count` - 1, of n, of `rows` rows from `row` on; x: that row, others lie x_stride floats
 * apart. The same for all rows, whether they are then multiplied by panels or alone, so that the results for a token do
 * not depend on how many others it was evaluated with. */
static void quantise(const struct chunk *chunk, const struct activations *to, size_t row, size_t rows, const float *x,
                     size_t x_stride, size_t n, size_t first, size_t count) {
    if (chunk->model->is_paired)
        chunk->kernels->quantise_paired(q8_of(to, row), to->q8_stride, x, x_stride, rows, n, first, count);
    else
        for (size_t i = 0; i < rows; i++)
            chunk->kernels->quantise_q8(q8_of(to, row + i), x + i * x_stride, n, first, count);
}

float *layer_state(const struct chunk *chunk, const struct span *span, const struct layer *layer) {
    return span->state + layer->index * state_layer_floats(chunk->model);
}

/* ------------------------------------------------------------------ embedding */

/* Rows after which the pages of embeddings are released. */
#define MAX_EMBEDDED 8

/* Embeddings of fewer bytes may stay: of models so small, page faults would be a part of a token. */
#define LARGE_EMBEDDING (32 * HUGE_PAGE_BYTES)

/* A row of embeddings is seldom wanted again soon, and with each that is read the system maps up to some megabytes
 * around it: before long, all embeddings would be resident. */
static void release_embeddings(const struct chunk *chunk) {
    const struct matrix *table = &chunk->model->embedding;
    const size_t bytes = table->rows * table->row_bytes;
    if (!chunk->model->is_mapped || bytes < LARGE_EMBEDDING) return;
    if (atomic_fetch_add(chunk->buffers->embedded, 1) + 1 < MAX_EMBEDDED) return;
    atomic_store(chunk->buffers->embedded, 0);
    pages_release(table->data, bytes);
}

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
            release_embeddings(chunk);
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
    const size_t width = chunk->model->width;
    if (lerp->q8) quantise(chunk, lerp->out, slot, 1, floats, 0, width, 0, width);
}

const struct activations *mixes_of(const struct chunk *chunk, const struct worker *worker) {
    return chunk->rows == 1 ? chunk->desks[worker->index].mix : chunk->buffers->mix;
}

static float *h_of(const struct chunk *chunk, const struct worker *worker, size_t row) {
    return chunk->rows == 1 ? chunk->desks[worker->index].h : row_of(chunk->buffers->h, row, chunk);
}

/* The next block of rows for a thread that has taken so many: of one row all are given it. */
static size_t take_rows(const struct chunk *chunk, struct worker *worker, size_t *taken) {
    return chunk->rows == 1 ? (*taken)++ : pool_take(worker, row_blocks(chunk->rows));
}

static void end_rows(const struct chunk *chunk, struct worker *worker) {
    if (chunk->rows > 1) pool_barrier(worker);
}

void normalise_and_mix(const struct chunk *chunk, struct worker *worker, const struct layer *layer,
                       const struct norm *norm, size_t shift, const struct lerp *lerps, size_t lerp_count,
                       enum selection selection) {
    const struct kernels *kernels = chunk->kernels;
    const struct desk *desk = &chunk->desks[worker->index];
    const size_t width = chunk->model->width;
    const float epsilon = chunk->model->layer_norm_epsilon;

    for (size_t block, taken = 0; (block = take_rows(chunk, worker, &taken)) < row_blocks(chunk->rows);) {
        const size_t first = block * ROW_BLOCK, end = min_size(first + ROW_BLOCK, chunk->rows);
        for (size_t row = first; row < end; row++) {
            const struct span *span = &chunk->spans[chunk->span_of[row]];
            const float *x = row_of(chunk->buffers->x, row, chunk);
            float *h = h_of(chunk, worker, row);
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
    end_rows(chunk, worker);
}

void mix_again(const struct chunk *chunk, struct worker *worker, const struct layer *layer, size_t shift,
               const struct lerp *lerps, const struct activations *differences, size_t lerp_count) {
    const struct kernels *kernels = chunk->kernels;
    const struct desk *desk = &chunk->desks[worker->index];
    const size_t width = chunk->model->width;

    for (size_t block, taken = 0; (block = take_rows(chunk, worker, &taken)) < row_blocks(chunk->rows);) {
        for (size_t row = block * ROW_BLOCK; row < min_size((block + 1) * ROW_BLOCK, chunk->rows); row++) {
            const struct span *span = &chunk->spans[chunk->span_of[row]];
            const float *h = h_of(chunk, worker, row);
            const float *previous = row == span->first ? layer_state(chunk, span, layer) + shift : h - width;
            for (size_t i = 0; i < lerp_count; i++) {
                float *out = lerp_floats(chunk, &lerps[i], row, desk);
                kernels->add(desk->row, floats_of(&differences[i], row), lerps[i].weight, width);
                kernels->lerp(out, h, previous, desk->row, width);
                finish_lerp(chunk, &lerps[i], row, out);
            }
        }
    }
    end_rows(chunk, worker);
}

void remember_shift(const struct chunk *chunk, struct worker *worker, const struct layer *layer, size_t shift) {
    if (worker->index != 0) return;
    const size_t width = chunk->model->width;
    for (size_t i = 0; i < chunk->span_count; i++) {
        const struct span *span = &chunk->spans[i];
        const float *last = h_of(chunk, worker, span->first + span->rows - 1);
        memcpy(layer_state(chunk, span, layer) + shift, last, width * sizeof *last);
    }
}

/* ------------------------------------------------------------------ matrix products
 *
 * Many rows of activations: an item is a panel or some, whose weights are unpacked once and then used for all of them.
 * Few: the kernel for one row of activations is called for each; an item is many weight rows, which stay in the cache
 * meanwhile. The items of a thread lie one after the other, so that their size matters little for reading memory: it is
 * a compromise between calls and what threads wait for each other at the end.
 */

/* Rows of activations from which on unpacking pays. */
#define MIN_PANEL_TOKENS 3

#define ITEM_BYTES 65536

static bool by_panels(const struct chunk *chunk, const struct matrix *matrix, size_t tokens) {
    const struct kernels *kernels = chunk->kernels;
    const bool can_pack =
        matrix->by_column ? kernels->columns[matrix->type].pack != NULL : kernels->matrix[matrix->type].pack != NULL;
    return tokens >= MIN_PANEL_TOKENS && can_pack;
}

/* Rows that are unpacked at once. */
static size_t unpacked_rows(const struct chunk *chunk, const struct matrix *matrix) {
    return matrix->by_column ? COLUMN_PACK_ROWS : chunk->kernels->panel_rows;
}

/* An item whose results are quantised is made of whole groups. */
static size_t rows_per_item(const struct chunk *chunk, const struct product *product, size_t tokens) {
    const struct matrix *matrix = product->matrix;
    const size_t unit = product->quantised ? Q8_GROUP : 1;
    if (by_panels(chunk, matrix, tokens)) return max_size(unit, unpacked_rows(chunk, matrix));
    return min_size(MAX_ITEM_ROWS, max_size(unit, ITEM_BYTES / matrix->row_bytes / unit * unit));
}

static size_t item_count(const struct chunk *chunk, const struct product *product, size_t tokens) {
    const size_t rows = rows_per_item(chunk, product, tokens);
    return (product->matrix->rows + rows - 1) / rows;
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

/* The q8 form of results that have been finished. */
static void quantise_rows(const struct chunk *chunk, const struct product *product, size_t first, size_t rows,
                          size_t tokens) {
    const struct activations *activations = product->quantised;
    quantise(chunk, activations, 0, tokens, activations->floats, activations->float_stride, product->matrix->rows,
             first, rows);
}

/* The first row of what a matrix multiplies, in the form that it wants; the rows lie `stride` bytes apart. */
static const char *input_of(const struct product *product, size_t *stride) {
    const struct activations *input = product->input;
    const bool q8 = wants_q8(product->matrix);
    *stride = q8 ? input->q8_stride : input->float_stride * sizeof(float);
    return q8 ? input->q8 : (const char *)input->floats;
}

/* Whether results are computed in their place. */
static bool is_direct(const struct product *product) { return !product->add && !product->outputs; }

/* So many that a strip leaves room in the first cache for activations and results; whole blocks of all types. */
static size_t strip_columns(enum panel panel) { return panel == PANEL_F32 ? 128 : 256; }

static void pack(const struct kernels *kernels, void *panels, const struct matrix *matrix, size_t first, size_t rows,
                 const struct strip *strip, struct fetch *fetch) {
    if (matrix->by_column) {
        kernels->columns[matrix->type].pack(panels, matrix->by_column, matrix->rows, first, strip);
    } else {
        const char *weights = matrix->data + first * matrix->row_bytes + strip->offset;
        kernels->matrix[matrix->type].pack(panels, weights, matrix->row_bytes, rows, strip->count, fetch);
    }
}

/* At most as many rows as are unpacked at once. */
static void multiply_panels(const struct chunk *chunk, const struct desk *desk, const struct product *product,
                            size_t first, size_t rows, size_t tokens, enum selection selection) {
    const struct kernels *kernels = chunk->kernels;
    const struct matrix *matrix = product->matrix;
    const enum panel panel = kernels->matrix[matrix->type].panel;
    const size_t n = matrix->columns;
    const size_t columns = tokens <= kernels->strip_tokens ? min_size(strip_columns(panel), n) : n;
    const size_t bytes = matrix->row_bytes * columns / n;
    float *results = is_direct(product) ? product->output + first : desk->tile;
    const size_t stride = is_direct(product) ? product->stride : rows;
    size_t x_stride;
    const char *x = input_of(product, &x_stride);
    for (size_t begin = 0, offset = 0; begin < n; begin += columns, offset += bytes) {
        const struct strip strip = {.n = n,
                                    .begin = begin,
                                    .count = min_size(columns, n - begin),
                                    .offset = offset,
                                    .bytes = min_size(bytes, matrix->row_bytes - offset)};
        struct fetch fetch = fetch_of_next(matrix, kernels, first, rows, &strip, tokens);
        pack(kernels, desk->panels, matrix, first, rows, &strip, fetch.pack_step > 0 ? &fetch : NULL);
        const char *unpacked = desk->panels;
        for (size_t row = 0; row < rows; row += kernels->panel_rows) {
            kernels->gemm[panel](results + row, stride, unpacked, min_size(kernels->panel_rows, rows - row), x,
                                 x_stride, tokens, &strip, &fetch);
            unpacked += kernels->panel_bytes(panel, strip.count);
        }
    }
    finish_rows(chunk, product, results, stride, first, rows, 0, tokens, selection);
}

static void multiply_rows(const struct chunk *chunk, const struct desk *desk, const struct product *product,
                          size_t first, size_t rows, size_t tokens, enum selection selection) {
    const struct matrix *matrix = product->matrix;
    const char *weights = matrix->data + first * matrix->row_bytes;
    size_t x_stride;
    const char *x = input_of(product, &x_stride);
    for (size_t token = 0; token < tokens; token++) {
        float *results = is_direct(product) ? product->output + token * product->stride + first : desk->tile;
        chunk->kernels->matrix[matrix->type].matvec(results, weights, matrix->row_bytes, rows, x + token * x_stride,
                                                    matrix->columns);
        finish_rows(chunk, product, results, rows, first, rows, token, 1, selection);
    }
}

static void multiply_item(const struct chunk *chunk, const struct desk *desk, const struct product *product,
                          size_t item, size_t tokens, enum selection selection) {
    const struct matrix *matrix = product->matrix;
    const size_t per_item = rows_per_item(chunk, product, tokens), at_once = unpacked_rows(chunk, matrix);
    const size_t first = item * per_item, end = min_size(first + per_item, matrix->rows);
    if (by_panels(chunk, matrix, tokens))
        for (size_t row = first; row < end; row += at_once)
            multiply_panels(chunk, desk, product, row, min_size(at_once, end - row), tokens, selection);
    else
        multiply_rows(chunk, desk, product, first, end - first, tokens, selection);
    if (product->quantised) quantise_rows(chunk, product, first, end - first, tokens);
}

void multiply(const struct chunk *chunk, struct worker *worker, const struct product *products, size_t count,
              enum selection selection) {
    const size_t tokens = selected_rows(chunk, selection);
    if (tokens == 0) return;
    observe(chunk, worker, products, count, tokens);
    const struct desk *desk = &chunk->desks[worker->index];
    size_t ends[MAX_PRODUCTS], items = 0; /* of all products, one after the other */
    for (size_t i = 0; i < count; i++) ends[i] = items += item_count(chunk, &products[i], tokens);
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
 * depend on that of the threads. Each part gives a sum for every row.
 *
 * They are added up along a binary tree: its leaves, numbers `parts` to 2 parts - 1, are the parts, and node i has
 * the sum of 2 i and 2 i + 1, computed by the thread that brings the second of them. So neighbouring parts meet first,
 * while the thread that has computed both still has them in its cache.
 */

/* Where the sum of a node is: in the place of its first part. */
static float *sums_of(const struct chunk *chunk, size_t node, size_t parts, size_t rows) {
    while (node < parts) node *= 2;
    return chunk->buffers->parts + (node - parts) * rows;
}

/* Goes up from a part that is done. Returns all sums added up, or NULL if some thread has yet to bring others. */
static const float *add_up(const struct chunk *chunk, size_t part, size_t parts, size_t rows) {
    size_t node = parts + part;
    while (node > 1) {
        node /= 2;
        atomic_uint *arrived = &chunk->buffers->arrived[node];
        if (atomic_fetch_add(arrived, 1) == 0) return NULL;
        atomic_store(arrived, 0);
        float *sums = sums_of(chunk, node, parts, rows);
        chunk->kernels->add(sums, sums, sums_of(chunk, 2 * node + 1, parts, rows), rows);
    }
    return sums_of(chunk, node, parts, rows);
}

static void multiply_by_column(const struct chunk *chunk, struct worker *worker, const struct product *product,
                               enum selection selection) {
    const struct matrix *matrix = product->matrix;
    const size_t groups = column_groups(matrix->columns), parts = min_size(COLUMN_PARTS, groups);
    const size_t stride = column_rows(matrix->rows);
    observe(chunk, worker, product, 1, selected_rows(chunk, selection));
    for (size_t token = 0; token < selected_rows(chunk, selection); token++) {
        const void *x = wants_q8(matrix) ? q8_of(product->input, token) : floats_of(product->input, token);
        for (size_t part; (part = pool_take(worker, parts)) < parts;) {
            const size_t first = part * groups / parts, end = (part + 1) * groups / parts;
            chunk->kernels->columns[matrix->type].multiply(sums_of(chunk, parts + part, parts, stride),
                                                           matrix->by_column, matrix->rows, x, matrix->columns, first,
                                                           end - first);
            const float *sums = add_up(chunk, part, parts, stride);
            for (size_t row = 0; sums && row < matrix->rows; row += MAX_ITEM_ROWS)
                finish_rows(chunk, product, sums + row, 0, row, min_size(MAX_ITEM_ROWS, matrix->rows - row), token, 1,
                            selection);
        }
        pool_barrier(worker);
    }
}

/* ------------------------------------------------------------------ the rest */

static void quantise_y(const struct chunk *chunk, const struct span *span, size_t first, size_t count) {
    const struct activations *y = &chunk->buffers->y;
    quantise(chunk, y, span->first, span->rows, floats_of(y, span->first), y->float_stride, chunk->model->width, first,
             count);
}

void mix_parts(const struct chunk *chunk, struct worker *worker, const struct layer *layer, size_t part_width,
               part_body *body) {
    const bool q8 = wants_q8(&layer->output);
    const size_t width = chunk->model->width;
    size_t parts = 1; /* of an item: as many as make whole groups */
    while (q8 && parts * part_width % Q8_GROUP != 0) parts++;
    const size_t item_width = parts * part_width, span_items = (width + item_width - 1) / item_width;
    const size_t items = chunk->span_count * span_items;

    for (size_t item; (item = pool_take(worker, items)) < items;) {
        const struct span *span = &chunk->spans[item / span_items];
        const size_t first = item % span_items * item_width, end = min_size(first + item_width, width);
        for (size_t at = first; at < end; at += part_width) body(chunk, layer, span, at / part_width);
        if (q8) quantise_y(chunk, span, first, end - first);
    }
    pool_barrier(worker);
}

const float *states_ahead(const struct chunk *chunk, const float *s) {
    const size_t n = chunk->model->head_size;
    return chunk->span_count > 1 ? s + n * n * 3 / 2 : NULL;
}

void add_output(const struct chunk *chunk, struct worker *worker, const struct layer *layer) {
    const struct product output = {.matrix = &layer->output,
                                   .input = &chunk->buffers->y,
                                   .output = chunk->buffers->x,
                                   .stride = chunk->model->width,
                                   .add = true};
    multiply(chunk, worker, &output, 1, ALL_ROWS);
}

void channel_mix(const struct chunk *chunk, struct worker *worker, const struct layer *layer,
                 enum selection selection) {
    const struct buffers *b = chunk->buffers;
    const struct kernels *kernels = chunk->kernels;
    const size_t width = chunk->model->width, hidden_width = chunk->model->channel_mix_width;
    const bool has_receptance = layer->channel_receptance.data != NULL;
    const size_t shift = state_channel_shift_offset(chunk->model);

    const struct activations *mix = mixes_of(chunk, worker);
    struct lerp lerps[2] = {lerp_for(&layer->channel_key, NULL, layer->channel_lerp_k, &mix[0])};
    struct product products[2] = {
        {.matrix = &layer->channel_key,
         .input = &mix[0],
         .output = b->hidden.floats,
         .stride = hidden_width,
         .activation = kernels->relu_squared,
         .quantised = if_quantised(&layer->channel_value, &b->hidden)},
    };
    if (has_receptance) {
        lerps[1] = lerp_for(&layer->channel_receptance, NULL, layer->channel_lerp_r, &mix[1]);
        products[1] = (struct product){.matrix = &layer->channel_receptance,
                                       .input = &mix[1],
                                       .output = b->r,
                                       .stride = width,
                                       .activation = kernels->sigmoid};
    }
    const size_t count = has_receptance ? 2 : 1;
    normalise_and_mix(chunk, worker, layer, &layer->ln2, shift, lerps, count, selection);
    multiply(chunk, worker, products, count, selection);
    remember_shift(chunk, worker, layer, shift);

    const struct product value = {.matrix = &layer->channel_value,
                                  .input = &b->hidden,
                                  .output = b->x,
                                  .stride = width,
                                  .add = true,
                                  .gate = has_receptance ? b->r : NULL};
    if (value.matrix->by_column && !by_panels(chunk, value.matrix, selected_rows(chunk, selection)))
        multiply_by_column(chunk, worker, &value, selection);
    else
        multiply(chunk, worker, &value, 1, selection);
}

struct product normalise_output(const struct chunk *chunk, struct worker *worker) {
    const struct rwkv_model *model = chunk->model;
    const struct activations *y = &chunk->buffers->y;
    const size_t width = model->width;
    for (size_t slot; (slot = pool_take(worker, chunk->wanted_count)) < chunk->wanted_count;) {
        const float *x = row_of(chunk->buffers->x, chunk->wanted_rows[slot], chunk);
        chunk->kernels->layer_norm(floats_of(y, slot), x, model->output_norm.weight, model->output_norm.bias,
                                   model->layer_norm_epsilon, width);
        if (wants_q8(&model->head)) quantise(chunk, y, slot, 1, floats_of(y, slot), 0, width, 0, width);
    }
    pool_barrier(worker);
    return (struct product){.matrix = &model->head, .input = y, .outputs = chunk->logits};
}

void compute_logits(const struct chunk *chunk, struct worker *worker) {
    if (chunk->wanted_count == 0) return;
    const struct product head = normalise_output(chunk, worker);
    multiply(chunk, worker, &head, 1, WANTED_ROWS);
}
