/* The dot product tier: processors with sdot (FEAT_DotProd; from 2018 on, Cortex-A55, A75 and Apple A11 or newer). */
#include "panels_dotprod.h"

#define TIER "dotprod"
#define KERNEL(name) dotprod_##name
#define VECTOR_KERNEL(name) neon_##name
#include "../simd/table.inc"
