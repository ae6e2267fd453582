/* From blocks to panels, AVX-512: unpacking works in halves of its registers. */
#include "../x86/lanes.h"
#include "panels_avx512.h"

#define KERNEL(name) avx512_##name
#include "../simd/pack.inc"
#include "../simd/pack_columns.inc"
