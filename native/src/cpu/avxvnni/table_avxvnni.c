/* The AVX-VNNI tier: processors with AVX2, FMA, F16C and AVX-VNNI (Intel's for laptops and desktops since Alder Lake,
 * 2021, which have no AVX-512). */
#include "panels_avxvnni.h"

#define TIER "avxvnni"
#define KERNEL(name) avxvnni_##name
#define VECTOR_KERNEL(name) avx2_##name
#include "../simd/table.inc"
