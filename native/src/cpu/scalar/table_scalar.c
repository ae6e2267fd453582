/* The scalar tier: every processor. */
#include "../kernels.h"

#define X(name, arguments) void scalar_##name arguments;
RWKV_VECTOR_KERNELS(X)
#undef X
#define X(NAME, name)                                                                                                  \
    matvec_kernel scalar_matvec_##name;                                                                                \
    multiply_columns_kernel scalar_multiply_columns_##name;
RWKV_WEIGHT_TYPES(X)
#undef X
#define X(NAME, name) encode_kernel scalar_encode_##name;
RWKV_BLOCK_TYPES(X)
#undef X

const struct kernels scalar_kernels = {
    .name = "scalar",
#define X(name, arguments) .name = scalar_##name,
    RWKV_VECTOR_KERNELS(X)
#undef X
        .matrix =
        {
#define X(NAME, name) [WEIGHT_##NAME] = {.matvec = scalar_matvec_##name},
            RWKV_WEIGHT_TYPES(X)
#undef X
        },
    .columns =
        {
#define X(NAME, name) [WEIGHT_##NAME] = {.multiply = scalar_multiply_columns_##name},
            RWKV_WEIGHT_TYPES(X)
#undef X
        },
    .encode =
        {
#define X(NAME, name) [WEIGHT_##NAME] = scalar_encode_##name,
            RWKV_BLOCK_TYPES(X)
#undef X
        },
};
