/* From blocks to panels, AVX2. */
#include "../x86/lanes.h"
#include "panels_avx2.h"

#define KERNEL(name) avx2_##name
#include "../simd/pack.inc"
#include "../simd/pack_columns.inc"
