/* From blocks to panels, AVX2. */
#include "panels_avx2.h"

#define KERNEL(name) avx2_##name
#include "../x86/pack.inc"
