/* The AVX2 tier: processors with AVX2, FMA and F16C. */
#include "panels_avx2.h"

#define X(name, arguments) void avx2_##name arguments;
RWKV_VECTOR_KERNELS(X)
#undef X
#define X(NAME, name)                                                                                                  \
    matvec_kernel avx2_matvec_##name;                                                                                  \
    pack_kernel avx2_pack_##name;
RWKV_WEIGHT_TYPES(X)
#undef X
#define X(NAME, name) gemm_kernel avx2_gemm_##name;
RWKV_PANELS(X)
#undef X
size_t avx2_panel_bytes(enum panel panel, size_t n);
#define X(NAME, name) encode_kernel avx2_encode_##name;
RWKV_BLOCK_TYPES(X)
#undef X

const struct kernels avx2_kernels = {
    .name = "avx2",
#define X(name, arguments) .name = avx2_##name,
    RWKV_VECTOR_KERNELS(X)
#undef X
        .matrix =
        {
#define X(NAME, name) [WEIGHT_##NAME] = {avx2_matvec_##name, avx2_pack_##name, (enum panel)PANEL_OF_##NAME},
            RWKV_WEIGHT_TYPES(X)
#undef X
        },
    .encode =
        {
#define X(NAME, name) [WEIGHT_##NAME] = avx2_encode_##name,
            RWKV_BLOCK_TYPES(X)
#undef X
        },
    .gemm =
        {
#define X(NAME, name) [PANEL_##NAME] = avx2_gemm_##name,
            RWKV_PANELS(X)
#undef X
        },
    .panel_rows = PANEL_ROWS,
    .panel_bytes = avx2_panel_bytes,
};
