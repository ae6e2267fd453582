/* From blocks to panels, NEON. */
#include "../arm/lanes.h"
#include "panels_neon.h"

#define KERNEL(name) neon_##name
#include "../simd/pack.inc"
#include "../simd/pack_columns.inc"
