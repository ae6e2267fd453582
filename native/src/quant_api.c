/* The public functions about element types. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "quant/blocks.h"
#include "quant/feedback.h"
#include "rwkv.h"

static enum rwkv_status find_type(uint32_t type, enum weight_type *weight_type, struct rwkv_error *error) {
    if (weight_type_of(type, weight_type)) return RWKV_OK;
    return error_set(error, RWKV_ERROR_UNSUPPORTED, "%" PRIu32 " is the number of no element type known here", type);
}

enum rwkv_status rwkv_type_info(uint32_t type, struct rwkv_type_info *info, struct rwkv_error *error) {
    enum weight_type weight_type;
    if (!info || info->struct_size == 0)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_type_info: info is NULL or its struct_size 0");
    const enum rwkv_status status = find_type(type, &weight_type, error);
    if (status != RWKV_OK) return status;

    const struct weight_format *format = &weight_formats[weight_type];
    struct rwkv_type_info filled = {
        .struct_size = info->struct_size,
        .block_elements = format->block_elements,
        .block_bytes = format->block_bytes,
    };
    memcpy(filled.name, format->name, strlen(format->name));
    memcpy(info, &filled, info->struct_size < sizeof filled ? info->struct_size : sizeof filled);
    return RWKV_OK;
}

/* That `bytes` are exactly `elements` of a type. */
static enum rwkv_status check_length(enum weight_type type, uint64_t elements, uint64_t bytes,
                                     struct rwkv_error *error) {
    const struct weight_format *format = &weight_formats[type];
    if (elements % format->block_elements != 0)
        return error_set(error, RWKV_ERROR_ARGUMENT, "%" PRIu64 " elements of %s are not whole blocks of %" PRIu32,
                         elements, format->name, format->block_elements);
    const uint64_t blocks = elements / format->block_elements;
    if (blocks != bytes / format->block_bytes || bytes % format->block_bytes != 0)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "%" PRIu64 " elements of %s are %" PRIu64 " blocks of %" PRIu32 " bytes, not %" PRIu64
                         " bytes in all",
                         elements, format->name, blocks, format->block_bytes, bytes);
    return RWKV_OK;
}

enum rwkv_status rwkv_decode(uint32_t type, const void *source, uint64_t source_bytes, float *target, uint64_t elements,
                             struct rwkv_error *error) {
    enum weight_type weight_type;
    enum rwkv_status status = find_type(type, &weight_type, error);
    if (status == RWKV_OK) status = check_length(weight_type, elements, source_bytes, error);
    if (status != RWKV_OK || elements == 0) return status;
    if (!source || !target)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_decode: %s is NULL", source ? "target" : "source");
    decode_row(weight_type, target, source, (size_t)elements);
    return RWKV_OK;
}

/* What all encoders ask of their arguments. */
static enum rwkv_status check_source(const char *function, enum weight_type type, const float *source,
                                     uint64_t elements, const void *target, struct rwkv_error *error) {
    if (!source || !target)
        return error_set(error, RWKV_ERROR_ARGUMENT, "%s: %s is NULL", function, source ? "target" : "source");
    if (!weight_type_is_block(type)) return RWKV_OK;
    for (uint64_t i = 0; i < elements; i++) {
        if (!(fabsf(source[i]) <= 65504)) /* beyond, the float16 of a scale or minimum may be infinite */
            return error_set(error, RWKV_ERROR_ARGUMENT,
                             "element %" PRIu64 " is %g, but %s holds magnitudes up to 65504 only", i,
                             (double)source[i], weight_formats[type].name);
    }
    return RWKV_OK;
}

enum rwkv_status rwkv_encode(uint32_t type, const float *source, uint64_t elements, void *target, uint64_t target_bytes,
                             struct rwkv_error *error) {
    enum weight_type weight_type;
    enum rwkv_status status = find_type(type, &weight_type, error);
    if (status == RWKV_OK) status = check_length(weight_type, elements, target_bytes, error);
    if (status != RWKV_OK || elements == 0) return status;
    status = check_source("rwkv_encode", weight_type, source, elements, target, error);
    if (status == RWKV_OK) encode_row(weight_type, target, source, (size_t)elements);
    return status;
}

static enum rwkv_status check_rows(enum weight_type type, uint64_t elements, const float *importance,
                                   uint64_t row_elements, struct rwkv_error *error) {
    const struct weight_format *format = &weight_formats[type];
    if (row_elements == 0 || elements % row_elements != 0 || row_elements % format->block_elements != 0)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "%" PRIu64 " elements of %s are not whole rows of %" PRIu64
                         ", or those not whole blocks of %" PRIu32,
                         elements, format->name, row_elements, format->block_elements);
    for (uint64_t i = 0; importance && i < row_elements; i++) {
        if (!(importance[i] >= 0 && importance[i] <= FLT_MAX))
            return error_set(error, RWKV_ERROR_ARGUMENT, "importance %" PRIu64 " is %g, not a finite number from 0 on",
                             i, (double)importance[i]);
    }
    return RWKV_OK;
}

enum rwkv_status rwkv_encode_search(uint32_t type, const float *source, uint64_t elements, const float *importance,
                                    uint64_t row_elements, void *target, uint64_t target_bytes,
                                    struct rwkv_error *error) {
    enum weight_type weight_type;
    enum rwkv_status status = find_type(type, &weight_type, error);
    if (status == RWKV_OK) status = check_length(weight_type, elements, target_bytes, error);
    if (status != RWKV_OK || elements == 0) return status;
    status = check_source("rwkv_encode_search", weight_type, source, elements, target, error);
    if (status == RWKV_OK) status = check_rows(weight_type, elements, importance, row_elements, error);
    if (status != RWKV_OK) return status;
    const size_t row = (size_t)row_elements, row_bytes = weight_row_bytes(weight_type, row);
    for (size_t r = 0; r < elements / row_elements; r++)
        encode_row_search(weight_type, (char *)target + r * row_bytes, source + r * row, importance, row);
    return RWKV_OK;
}

static bool all_finite(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) <= FLT_MAX)) return false;
    return true;
}

enum rwkv_status rwkv_feedback_prepare(float *sums, float *drift, uint64_t columns, uint32_t block_columns,
                                       struct rwkv_error *error) {
    if (!sums || !drift || columns == 0 || block_columns == 0)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_feedback_prepare: sums or drift is NULL, or columns or block_columns 0");
    const size_t block = block_columns < columns ? block_columns : (size_t)columns;
    double *work = malloc(block * (block + 1) * sizeof *work);
    if (!work) return error_set(error, RWKV_ERROR_MEMORY, "no memory for the factors of %zu columns", block);
    enum rwkv_status status = RWKV_OK;
    for (size_t first = 0; first < columns && status == RWKV_OK; first += block) {
        const size_t n = columns - first < block ? (size_t)columns - first : block;
        feedback_factor(sums + first * block, n, work);
        feedback_correction(drift + first * block, sums + first * block, n, (float *)work);
        if (!all_finite(sums + first * block, n * n) || !all_finite(drift + first * block, n * n))
            status =
                error_set(error, RWKV_ERROR_ARGUMENT,
                          "sums or drift of columns %zu to %zu are not those of finite inputs", first, first + n - 1);
    }
    free(work);
    return status;
}

enum rwkv_status rwkv_encode_feedback(uint32_t type, float *source, uint64_t elements, const float *factors,
                                      const float *correction, uint32_t block_columns, uint64_t row_elements,
                                      void *target, uint64_t target_bytes, struct rwkv_error *error) {
    enum weight_type weight_type;
    enum rwkv_status status = find_type(type, &weight_type, error);
    if (status == RWKV_OK) status = check_length(weight_type, elements, target_bytes, error);
    if (status != RWKV_OK || elements == 0) return status;
    status = check_source("rwkv_encode_feedback", weight_type, source, elements, target, error);
    if (status == RWKV_OK) status = check_rows(weight_type, elements, NULL, row_elements, error);
    if (status != RWKV_OK) return status;
    const struct weight_format *format = &weight_formats[weight_type];
    if (!factors || !correction || block_columns == 0 ||
        (block_columns < row_elements && block_columns % format->block_elements != 0))
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_encode_feedback: factors or correction is NULL, or %" PRIu32
                         " columns are no whole blocks of %s",
                         block_columns, format->name);
    if (!weight_type_is_block(weight_type)) {
        encode_row(weight_type, target, source, (size_t)elements);
        return RWKV_OK;
    }
    const size_t row = (size_t)row_elements, row_bytes = weight_row_bytes(weight_type, row);
    const size_t block = block_columns < row ? block_columns : row;
    float *scratch = malloc(block * sizeof *scratch);
    if (!scratch) return error_set(error, RWKV_ERROR_MEMORY, "no memory for a row of %zu columns", block);
    for (size_t r = 0; r < elements / row_elements; r++)
        encode_row_feedback(weight_type, (char *)target + r * row_bytes, source + r * row, row, factors, correction,
                            block, scratch);
    free(scratch);
    return RWKV_OK;
}
