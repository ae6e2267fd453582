/* The AVX2 tier: processors with AVX2, FMA and F16C. */
#include "panels_avx2.h"

#define TIER "avx2"
#define KERNEL(name) avx2_##name
#include "../simd/table.inc"
