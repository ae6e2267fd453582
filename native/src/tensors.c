#include "tensors.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/blocks.h"

#define MAX_NAME 128

struct tensor_entry {
    const struct rwkv_tensor *tensor;
    bool used;
};

enum rwkv_status tensors_fail(struct tensors *tensors, enum rwkv_status status, const char *format, ...) {
    if (tensors->status != RWKV_OK) return tensors->status;
    va_list arguments;
    va_start(arguments, format);
    tensors->status = error_set_list(tensors->error, status, format, arguments);
    va_end(arguments);
    return status;
}

/* ------------------------------------------------------------------ the table */

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const struct tensor_entry *)a)->tensor->name, ((const struct tensor_entry *)b)->tensor->name);
}

void tensors_start(struct tensors *tensors, struct rwkv_model *model, const struct rwkv_tensor *table, uint64_t count,
                   struct rwkv_error *error) {
    *tensors = (struct tensors){.table = table, .model = model, .error = error, .status = RWKV_OK};
    if (count > SIZE_MAX / sizeof *tensors->entries || !(tensors->entries = calloc(count, sizeof *tensors->entries))) {
        tensors_fail(tensors, RWKV_ERROR_MEMORY, "no memory for a table of %" PRIu64 " tensors", count);
        return;
    }
    tensors->count = count;
    for (uint64_t i = 0; i < count; i++) {
        if (!table[i].name) {
            tensors_fail(tensors, RWKV_ERROR_ARGUMENT, "tensor %" PRIu64 " of the table has no name", i);
            return;
        }
        tensors->entries[i].tensor = &table[i];
    }
    qsort(tensors->entries, count, sizeof *tensors->entries, compare_entries);
    for (uint64_t i = 1; i < count; i++)
        if (compare_entries(&tensors->entries[i - 1], &tensors->entries[i]) == 0)
            tensors_fail(tensors, RWKV_ERROR_MODEL, "tensor %s occurs twice", tensors->entries[i].tensor->name);
}

enum rwkv_status tensors_finish(struct tensors *tensors) {
    for (uint64_t i = 0; i < tensors->count && tensors->status == RWKV_OK; i++)
        if (!tensors->entries[i].used)
            tensors_fail(tensors, RWKV_ERROR_MODEL,
                         "unexpected tensor %s: it has no place in a model of this version and size",
                         tensors->entries[i].tensor->name);
    free(tensors->entries);
    tensors->entries = NULL;
    return tensors->status;
}

static void full_name(char name[MAX_NAME], uint32_t layer, const char *rest) {
    if (layer == NO_LAYER)
        snprintf(name, MAX_NAME, "%s", rest);
    else
        snprintf(name, MAX_NAME, "blk.%" PRIu32 ".%s", layer, rest);
}

static struct tensor_entry *find(const struct tensors *tensors, uint32_t layer, const char *rest) {
    char name[MAX_NAME];
    full_name(name, layer, rest);
    const struct rwkv_tensor key_tensor = {.name = name};
    const struct tensor_entry key = {.tensor = &key_tensor};
    if (tensors->status != RWKV_OK) return NULL;
    return bsearch(&key, tensors->entries, tensors->count, sizeof key, compare_entries);
}

bool tensors_have(const struct tensors *tensors, uint32_t layer, const char *name) {
    return find(tensors, layer, name) != NULL;
}

void tensors_ignore(struct tensors *tensors, uint32_t layer, const char *name) {
    struct tensor_entry *entry = find(tensors, layer, name);
    if (entry) entry->used = true;
}

/* ------------------------------------------------------------------ one tensor */

/* dims[i], 1 beyond the last. */
static uint64_t dimension(const struct rwkv_tensor *tensor, uint32_t i) {
    return i < tensor->dim_count ? tensor->dims[i] : 1;
}

/* Type and number of elements of a tensor whose length is just what they ask for. False: the failure is remembered. */
static bool check(struct tensors *tensors, const struct rwkv_tensor *tensor, enum weight_type *type,
                  uint64_t *elements) {
    if (!weight_type_of(tensor->type, type)) {
        tensors_fail(tensors, RWKV_ERROR_UNSUPPORTED,
                     "tensor %s has the element type number %" PRIu32 ", which is none that can be computed with",
                     tensor->name, tensor->type);
        return false;
    }
    if (tensor->dim_count == 0 || tensor->dim_count > 4) {
        tensors_fail(tensors, RWKV_ERROR_MODEL, "tensor %s has %" PRIu32 " dimensions, expected 1 to 4", tensor->name,
                     tensor->dim_count);
        return false;
    }
    const struct weight_format *format = &weight_formats[*type];
    uint64_t product = 1;
    for (uint32_t i = 0; i < tensor->dim_count; i++) {
        const uint64_t n = tensor->dims[i];
        if (n == 0 || n > (uint64_t)INT64_MAX / 8 / product) {
            tensors_fail(tensors, RWKV_ERROR_MODEL, "tensor %s: dimension %" PRIu32 " is %" PRIu64 ", which cannot be",
                         tensor->name, i, n);
            return false;
        }
        product *= n;
    }
    if (tensor->dims[0] % format->block_elements != 0) {
        tensors_fail(tensors, RWKV_ERROR_MODEL,
                     "tensor %s: rows of %" PRIu64 " are not whole blocks of %" PRIu32 " (%s)", tensor->name,
                     tensor->dims[0], format->block_elements, format->name);
        return false;
    }
    const uint64_t bytes = product / format->block_elements * format->block_bytes;
    if (tensor->bytes != bytes || !tensor->data) {
        tensors_fail(tensors, RWKV_ERROR_MODEL,
                     "tensor %s has %" PRIu64 " bytes, but its type and shape ask for %" PRIu64, tensor->name,
                     tensor->data ? tensor->bytes : 0, bytes);
        return false;
    }
    *elements = product;
    return true;
}

/* NULL: it is missing, which is remembered. */
static struct tensor_entry *find_or_fail(struct tensors *tensors, uint32_t layer, const char *rest) {
    struct tensor_entry *entry = find(tensors, layer, rest);
    if (entry) return entry;
    char name[MAX_NAME];
    full_name(name, layer, rest);
    tensors_fail(tensors, RWKV_ERROR_MODEL, "tensor %s is missing", name);
    return NULL;
}

/* A tensor that has to be there, checked and counted as used. NULL: the failure is remembered. */
static const struct rwkv_tensor *use(struct tensors *tensors, uint32_t layer, const char *rest, enum weight_type *type,
                                     uint64_t *elements) {
    struct tensor_entry *entry = find_or_fail(tensors, layer, rest);
    if (!entry || !check(tensors, entry->tensor, type, elements)) return NULL;
    entry->used = true;
    tensors->model->parameter_count += *elements;
    return entry->tensor;
}

uint64_t tensors_dimension(struct tensors *tensors, uint32_t layer, const char *name, uint32_t i) {
    enum weight_type type;
    uint64_t elements;
    const struct tensor_entry *entry = find_or_fail(tensors, layer, name);
    return entry && check(tensors, entry->tensor, &type, &elements) ? dimension(entry->tensor, i) : 0;
}

/* ------------------------------------------------------------------ matrices */

static void note_name(struct tensors *tensors, const struct rwkv_tensor *tensor, size_t columns) {
    struct rwkv_model *model = tensors->model;
    const size_t bytes = strlen(tensor->name) + 1;
    struct named_matrix *matrix = model_allocate(model, sizeof *matrix + bytes);
    if (!matrix) {
        tensors_fail(tensors, RWKV_ERROR_MEMORY, "no memory for the name of tensor %s", tensor->name);
        return;
    }
    memcpy(matrix->name, tensor->name, bytes);
    matrix->data = tensor->data;
    matrix->columns = columns;
    matrix->next = model->names;
    model->names = matrix;
}

static void note_columns(struct rwkv_model *model, enum weight_type type, size_t columns) {
    const struct matrix_kernels *kernels = &model->kernels->matrix[type];
    size_t *max = &model->max_columns[kernels->panel];
    if (kernels->pack && columns > *max) *max = columns;
}

void tensors_matrices(struct tensors *tensors, uint32_t layer, const char *name, uint64_t count, uint64_t rows,
                      uint64_t columns, struct matrix *matrices) {
    for (uint64_t i = 0; i < count; i++) matrices[i] = (struct matrix){.data = NULL};
    enum weight_type type;
    uint64_t elements;
    const struct rwkv_tensor *tensor = use(tensors, layer, name, &type, &elements);
    if (!tensor) return;
    const uint64_t actual_rows = dimension(tensor, 1), actual_count = elements / dimension(tensor, 0) / actual_rows;
    if (dimension(tensor, 0) != columns || actual_rows != rows || actual_count != count) {
        if (count == 1 && actual_count == 1)
            tensors_fail(tensors, RWKV_ERROR_MODEL,
                         "tensor %s is {%" PRIu64 ", %" PRIu64 "}, expected {%" PRIu64 ", %" PRIu64 "}", tensor->name,
                         dimension(tensor, 0), actual_rows, columns, rows);
        else
            tensors_fail(tensors, RWKV_ERROR_MODEL,
                         "tensor %s is {%" PRIu64 ", %" PRIu64 ", %" PRIu64 "}, expected {%" PRIu64 ", %" PRIu64
                         ", %" PRIu64 "}",
                         tensor->name, dimension(tensor, 0), actual_rows, actual_count, columns, rows, count);
        return;
    }
    const size_t row_bytes = weight_row_bytes(type, columns);
    for (uint64_t i = 0; i < count; i++)
        matrices[i] = (struct matrix){
            .data = (const char *)tensor->data + i * rows * row_bytes,
            .rows = rows,
            .columns = columns,
            .row_bytes = row_bytes,
            .type = type,
            .scale = 1,
        };
    note_columns(tensors->model, type, columns);
    if (count == 1) note_name(tensors, tensor, columns);
    tensors->model->tensor_bytes += tensor->bytes;
}

struct matrix tensors_matrix(struct tensors *tensors, uint32_t layer, const char *name, uint64_t rows,
                             uint64_t columns) {
    struct matrix matrix;
    tensors_matrices(tensors, layer, name, 1, rows, columns, &matrix);
    return matrix;
}

struct matrix tensors_low_rank(struct tensors *tensors, uint32_t layer, const char *name, uint64_t columns) {
    const uint64_t rank = tensors_dimension(tensors, layer, name, 1);
    const struct matrix matrix = tensors_matrix(tensors, layer, name, rank, columns);
    if (matrix.rows > tensors->model->max_rank) tensors->model->max_rank = matrix.rows;
    return matrix;
}

/* ------------------------------------------------------------------ vectors */

float *tensors_vector(struct tensors *tensors, uint32_t layer, const char *name, uint64_t expected) {
    enum weight_type type;
    uint64_t elements;
    const struct rwkv_tensor *tensor = use(tensors, layer, name, &type, &elements);
    if (!tensor) return NULL;
    if (elements != expected) {
        tensors_fail(tensors, RWKV_ERROR_MODEL, "tensor %s has %" PRIu64 " elements, expected %" PRIu64, tensor->name,
                     elements, expected);
        return NULL;
    }
    float *vector = model_allocate(tensors->model, elements * sizeof *vector);
    if (!vector) {
        tensors_fail(tensors, RWKV_ERROR_MEMORY, "no memory for the %" PRIu64 " values of tensor %s", elements,
                     tensor->name);
        return NULL;
    }
    decode_row(type, vector, tensor->data, elements);
    return vector;
}

struct norm tensors_norm(struct tensors *tensors, uint32_t layer, const char *name, uint64_t elements) {
    char weight[MAX_NAME], bias[MAX_NAME];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    return (struct norm){tensors_vector(tensors, layer, weight, elements),
                         tensors_vector(tensors, layer, bias, elements)};
}
