#include "observe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A matrix whose inputs x are observed: sums of x_i x_j, i <= j, of diagonal blocks of columns. */
struct observation {
    struct observation *next;
    const char *data; /* of the matrix */
    size_t columns, block_columns;
    float sums[]; /* for each block [n][n] */
};

/* Columns that are one item of work where only squares are wanted. */
#define SQUARES 256

/* ------------------------------------------------------------------ adding to the sums */

static void add_squares(float *sums, const float *x, size_t stride, size_t rows, size_t n) {
    for (size_t c = 0; c < n; c++) {
        float sum = 0;
        for (size_t row = 0; row < rows; row++) sum += x[row * stride + c] * x[row * stride + c];
        sums[c] += sum;
    }
}

/* X^T X is a matrix product as all others. Transposed, the rows of one column of x lie one after the other, and are
 * both a row of weights and activations. */
static void add_products(const struct chunk *chunk, float *scratch, float *sums, const float *x, size_t stride,
                         size_t rows, size_t n) {
    const struct kernels *kernels = chunk->kernels;
    float *transposed = scratch + n;
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < n; c++) transposed[c * rows + row] = x[row * stride + c];
    for (size_t c = 0; c < n; c++) {
        const float *column = transposed + c * rows;
        kernels->matrix[WEIGHT_F32].matvec(scratch, column, rows * sizeof *column, n - c, column, rows);
        kernels->add(sums + c * (n + 1), sums + c * (n + 1), scratch, n - c);
    }
}

static void add_item(const struct chunk *chunk, const struct worker *worker, struct observation *observation,
                     const struct activations *input, size_t rows, size_t item, size_t item_columns) {
    const size_t first = item * item_columns, rest = observation->columns - first;
    const size_t n = rest < item_columns ? rest : item_columns;
    const float *x = input->floats + first;
    float *sums = observation->sums + first * observation->block_columns;
    if (observation->block_columns == 1)
        add_squares(sums, x, input->float_stride, rows, n);
    else
        add_products(chunk, chunk->observing + worker->index * chunk->observing_floats, sums, x, input->float_stride,
                     rows, n);
}

static struct observation *find_observation(struct observation *observation, const char *data) {
    while (observation && observation->data != data) observation = observation->next;
    return observation;
}

static size_t columns_per_item(const struct observation *observation) {
    return observation->block_columns == 1 ? SQUARES : observation->block_columns;
}

/* What there is to do for a product: nothing, if nobody wants to know. */
static size_t item_count(const struct observation *observation) {
    if (!observation) return 0;
    const size_t columns = columns_per_item(observation);
    return (observation->columns + columns - 1) / columns;
}

void observe(const struct chunk *chunk, struct worker *worker, const struct product *products, size_t count,
             size_t rows) {
    if (!chunk->observations) return;
    for (size_t i = 0; i < count; i++) {
        struct observation *observation = find_observation(chunk->observations, products[i].matrix->data);
        const size_t items = item_count(observation);
        for (size_t item; (item = pool_take(worker, items)) < items;)
            add_item(chunk, worker, observation, products[i].input, rows, item, columns_per_item(observation));
        pool_barrier(worker);
    }
}

void observations_free(struct observation *observations) {
    while (observations) {
        struct observation *next = observations->next;
        free(observations);
        observations = next;
    }
}

/* ------------------------------------------------------------------ the public function */

static const struct named_matrix *find_matrix(const struct rwkv_model *model, const char *tensor) {
    const struct named_matrix *matrix = model->names;
    while (matrix && strcmp(matrix->name, tensor) != 0) matrix = matrix->next;
    return matrix;
}

static bool make_room(struct rwkv_context *context, size_t block_columns) {
    const size_t floats = block_columns * ((size_t)context->chunk_tokens + 1);
    if (block_columns == 1 || floats <= context->chunk.observing_floats) return true;
    float *scratch = malloc(context->thread_count * floats * sizeof *scratch);
    if (!scratch) return false;
    free(context->chunk.observing);
    context->chunk.observing = scratch;
    context->chunk.observing_floats = floats;
    return true;
}

enum rwkv_status rwkv_context_observe(struct rwkv_context *context, const char *tensor, uint32_t block_columns,
                                      float **sums, uint64_t *floats, struct rwkv_error *error) {
    if (!context || !tensor || !sums || !floats || block_columns == 0)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_context_observe: context, tensor, sums or floats is NULL, or block_columns 0");
    const struct named_matrix *matrix = find_matrix(context->model, tensor);
    if (!matrix) return error_set(error, RWKV_ERROR_ARGUMENT, "%s is no matrix of this model", tensor);
    if (find_observation(context->chunk.observations, matrix->data))
        return error_set(error, RWKV_ERROR_ARGUMENT, "matrix %s is observed already", tensor);

    const size_t block = block_columns < matrix->columns ? block_columns : matrix->columns;
    const size_t rest = matrix->columns % block, count = (matrix->columns - rest) * block + rest * rest;
    struct observation *observation = calloc(1, sizeof *observation + count * sizeof *observation->sums);
    if (!observation || !make_room(context, block)) {
        free(observation);
        return error_set(error, RWKV_ERROR_MEMORY, "no memory to observe matrix %s: %zu sums", tensor, count);
    }
    observation->data = matrix->data;
    observation->columns = matrix->columns;
    observation->block_columns = block;
    observation->next = context->chunk.observations;
    context->chunk.observations = observation;
    *sums = observation->sums;
    *floats = count;
    return RWKV_OK;
}
