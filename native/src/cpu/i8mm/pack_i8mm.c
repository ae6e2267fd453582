/* From blocks to panels, matrix products. */
#include "../arm/lanes.h"
#include "panels_i8mm.h"

#define KERNEL(name) i8mm_##name
#include "../simd/pack.inc"
#include "../simd/pack_columns.inc"
