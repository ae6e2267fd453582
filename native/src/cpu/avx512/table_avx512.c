/* The AVX-512 tier: processors with AVX-512 F, BW, DQ, VL and VNNI. */
#include "panels_avx512.h"

#define TIER "avx512"
#define KERNEL(name) avx512_##name
/* Of AVX2: it is short, and registers of its width suit groups of 32. */
#define avx512_quantise_q8 avx2_quantise_q8
#include "../simd/table.inc"
