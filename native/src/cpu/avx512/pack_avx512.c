/* From blocks to panels, AVX-512: unpacking works in halves of its registers. */
#include "panels_avx512.h"

#define KERNEL(name) avx512_##name
#include "../x86/pack.inc"
