/* The NEON tier: every 64-bit Arm processor. */
#include "panels_neon.h"

#define TIER "neon"
#define KERNEL(name) neon_##name
#include "../simd/table.inc"
