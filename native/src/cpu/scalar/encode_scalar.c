/* The encoders that search, for every processor. */
#include "simd.h"

#define KERNEL(name) scalar_##name
#include "../../quant/search.inc"
