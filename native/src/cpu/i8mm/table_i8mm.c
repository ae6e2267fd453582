/* The matrix product tier: processors with smmla (FEAT_I8MM; Neoverse V1 and N2, Cortex-A510 and A710, Apple M2 or
 * newer). */
#include "panels_i8mm.h"

#define TIER "i8mm"
#define KERNEL(name) i8mm_##name
#define VECTOR_KERNEL(name) neon_##name
#define MATVEC_KERNEL(name) dotprod_##name
#include "../simd/table.inc"
