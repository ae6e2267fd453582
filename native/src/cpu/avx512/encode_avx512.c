/* The encoders that search, AVX-512. */
#include "simd.h"

#define KERNEL(name) avx512_##name
#include "../../quant/search.inc"
