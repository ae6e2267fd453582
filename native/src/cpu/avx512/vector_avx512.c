/*
 * The vector kernels with AVX-512. quantise_q8 is that of AVX2, see the tier's table: it is short, and narrower
 * registers suit its groups of 32.
 */
#include "../kernels.h"
#include "simd.h"

#include <math.h>

#define KERNEL(name) avx512_##name
#include "../vector_kernels.inc"
