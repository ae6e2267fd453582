/* The encoders that search, NEON. */
#include "simd.h"

#define KERNEL(name) neon_##name
#include "../../quant/search.inc"
