/* From blocks to panels, dot products. */
#include "../arm/lanes.h"
#include "panels_dotprod.h"

#define KERNEL(name) dotprod_##name
#include "../simd/pack.inc"
#include "../simd/pack_columns.inc"
