/* The public functions about element types. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "error.h"
#include "quant/blocks.h"
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

enum rwkv_status rwkv_encode(uint32_t type, const float *source, uint64_t elements, void *target, uint64_t target_bytes,
                             struct rwkv_error *error) {
    enum weight_type weight_type;
    enum rwkv_status status = find_type(type, &weight_type, error);
    if (status == RWKV_OK) status = check_length(weight_type, elements, target_bytes, error);
    if (status != RWKV_OK || elements == 0) return status;
    if (!source || !target)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_encode: %s is NULL", source ? "target" : "source");
    if (weight_type_is_block(weight_type)) {
        for (uint64_t i = 0; i < elements; i++) {
            if (!(fabsf(source[i]) <= 65504)) /* beyond, the float16 of a scale or minimum may be infinite */
                return error_set(error, RWKV_ERROR_ARGUMENT,
                                 "element %" PRIu64 " is %g, but %s holds magnitudes up to 65504 only", i,
                                 (double)source[i], weight_formats[weight_type].name);
        }
    }
    encode_row(weight_type, target, source, (size_t)elements);
    return RWKV_OK;
}
