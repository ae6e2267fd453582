/* The encoders that search, AVX2. */
#include "simd.h"

#define KERNEL(name) avx2_##name
#include "../../quant/search.inc"
