/*
 * The AVX-512 tier: processors with AVX-512 F, BW, DQ, VL and VNNI.
 */
#include "panels_avx512.h"

#define X(name, arguments) void avx512_##name arguments;
RWKV_VECTOR_KERNELS(X)
#undef X
/* Of AVX2: it is short, and registers of its width suit groups of 32. */
#define avx512_quantise_q8 avx2_quantise_q8
void avx2_quantise_q8(void *row, const float *x, size_t n);
#define X(NAME, name)                                                                                                  \
    matvec_kernel avx512_matvec_##name;                                                                                \
    pack_kernel avx512_pack_##name;
RWKV_WEIGHT_TYPES(X)
#undef X
#define X(NAME, name) gemm_kernel avx512_gemm_##name;
RWKV_PANELS(X)
#undef X
size_t avx512_panel_bytes(enum panel panel, size_t n);
#define X(NAME, name) encode_kernel avx512_encode_##name;
RWKV_BLOCK_TYPES(X)
#undef X

const struct kernels avx512_kernels = {
    .name = "avx512",
#define X(name, arguments) .name = avx512_##name,
    RWKV_VECTOR_KERNELS(X)
#undef X
        .matrix =
        {
#define X(NAME, name) [WEIGHT_##NAME] = {avx512_matvec_##name, avx512_pack_##name, (enum panel)PANEL_OF_##NAME},
            RWKV_WEIGHT_TYPES(X)
#undef X
        },
    .encode =
        {
#define X(NAME, name) [WEIGHT_##NAME] = avx512_encode_##name,
            RWKV_BLOCK_TYPES(X)
#undef X
        },
    .gemm =
        {
#define X(NAME, name) [PANEL_##NAME] = avx512_gemm_##name,
            RWKV_PANELS(X)
#undef X
        },
    .panel_rows = PANEL_ROWS,
    .panel_bytes = avx512_panel_bytes,
};
