/* The Zen 4 tier: AMD's processors with AVX-512, on which additions are free beside multiplications. */
#include "panels_zen4.h"

#define TIER "zen4"
#define KERNEL(name) avx512_##name
/* Everything is that of AVX-512, but for the products with integers of 4 bits. */
#define avx512_kernels zen4_kernels
#define avx512_gemm_s4 zen4_gemm_s4
#define avx512_gemm_u4 zen4_gemm_u4
#define avx512_pack_q4_0 zen4_pack_q4_0
#define avx512_pack_q4_1 zen4_pack_q4_1
#define avx512_pack_q4_k zen4_pack_q4_k
#define avx512_pack_columns_q4_0 zen4_pack_columns_q4_0
#define avx512_pack_columns_q4_1 zen4_pack_columns_q4_1
#define avx512_pack_columns_q4_k zen4_pack_columns_q4_k
#define avx512_quantise_q8 avx2_quantise_q8
#define avx512_quantise_paired zen4_quantise_paired
#include "../simd/table.inc"
