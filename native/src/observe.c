#include "observe.h"

#include <stdlib.h>
#include <string.h>

/* A matrix whose inputs are observed. */
struct observation {
    struct observation *next;
    const char *data; /* of the matrix */
    size_t columns;
    bool sums;      /* adds their squares up; else keeps those of the last chunk */
    float inputs[]; /* [columns]; [chunk_tokens][columns] */
};

/* Columns that are one item of work. */
#define ITEM_COLUMNS 256

/* ------------------------------------------------------------------ what evaluations do */

static void add_squares(float *sums, const float *x, size_t stride, size_t rows, size_t n) {
    for (size_t c = 0; c < n; c++) {
        float sum = 0;
        for (size_t row = 0; row < rows; row++) sum += x[row * stride + c] * x[row * stride + c];
        sums[c] += sum;
    }
}

static void observe_item(struct observation *observation, const struct activations *input, size_t rows, size_t item) {
    const size_t first = item * ITEM_COLUMNS, rest = observation->columns - first;
    const size_t n = rest < ITEM_COLUMNS ? rest : ITEM_COLUMNS;
    const float *x = input->floats + first;
    float *inputs = observation->inputs + first;
    if (observation->sums)
        add_squares(inputs, x, input->float_stride, rows, n);
    else
        for (size_t row = 0; row < rows; row++)
            memcpy(inputs + row * observation->columns, x + row * input->float_stride, n * sizeof *x);
}

static struct observation *find_observation(struct observation *observation, const char *data) {
    while (observation && observation->data != data) observation = observation->next;
    return observation;
}

/* What there is to do for a product: nothing, if nobody wants to know. */
static size_t item_count(const struct observation *observation) {
    return observation ? (observation->columns + ITEM_COLUMNS - 1) / ITEM_COLUMNS : 0;
}

void observe(const struct chunk *chunk, struct worker *worker, const struct product *products, size_t count,
             size_t rows) {
    if (!chunk->observations) return;
    for (size_t i = 0; i < count; i++) {
        struct observation *observation = find_observation(chunk->observations, products[i].matrix->data);
        const size_t items = item_count(observation);
        for (size_t item; (item = pool_take(worker, items)) < items;)
            observe_item(observation, products[i].input, rows, item);
        pool_barrier(worker);
    }
}

/* ------------------------------------------------------------------ what is observed */

static const struct named_matrix *find_matrix(const struct rwkv_model *model, const char *tensor) {
    const struct named_matrix *matrix = model->names;
    while (matrix && strcmp(matrix->name, tensor) != 0) matrix = matrix->next;
    return matrix;
}

static enum rwkv_status add_observation(struct rwkv_context *context, const char *tensor, bool sums,
                                        struct observation **result, struct rwkv_error *error) {
    const struct named_matrix *matrix = find_matrix(context->model, tensor);
    if (!matrix) return error_set(error, RWKV_ERROR_ARGUMENT, "%s is no matrix of this model", tensor);
    if (find_observation(context->chunk.observations, matrix->data))
        return error_set(error, RWKV_ERROR_ARGUMENT, "matrix %s is observed already", tensor);
    const size_t floats = (sums ? 1 : context->chunk_tokens) * matrix->columns;
    struct observation *observation = calloc(1, sizeof *observation + floats * sizeof *observation->inputs);
    if (!observation)
        return error_set(error, RWKV_ERROR_MEMORY, "no memory to observe matrix %s: %zu floats", tensor, floats);
    observation->data = matrix->data;
    observation->columns = matrix->columns;
    observation->sums = sums;
    observation->next = context->chunk.observations;
    *result = context->chunk.observations = observation;
    return RWKV_OK;
}

enum rwkv_status observe_rows(struct rwkv_context *context, const char *tensor, const float **rows, size_t *columns,
                              struct rwkv_error *error) {
    struct observation *observation;
    const enum rwkv_status status = add_observation(context, tensor, false, &observation, error);
    if (status != RWKV_OK) return status;
    *rows = observation->inputs;
    *columns = observation->columns;
    return RWKV_OK;
}

void observations_end(struct rwkv_context *context, const struct observation *last) {
    while (context->chunk.observations != last) {
        struct observation *ended = context->chunk.observations;
        context->chunk.observations = ended->next;
        free(ended);
    }
}

/* ------------------------------------------------------------------ the public function */

enum rwkv_status rwkv_context_observe(struct rwkv_context *context, const char *tensor, float **squares,
                                      uint64_t *columns, struct rwkv_error *error) {
    if (!context || !tensor || !squares || !columns)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_context_observe: context, tensor, squares or columns is NULL");
    struct observation *observation;
    const enum rwkv_status status = add_observation(context, tensor, true, &observation, error);
    if (status != RWKV_OK) return status;
    *squares = observation->inputs;
    *columns = observation->columns;
    return RWKV_OK;
}
