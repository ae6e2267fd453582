/* Panels times activations, AVX-512 with VNNI. */
#include "../x86/zmm.h"
#include "panels_avx512.h"

enum { MAX_TILE = 6, MAX_TILE_F32 = 8 };

#include "../x86/vnni.h"

#define KERNEL(name) avx512_##name
#include "../x86/gemm.inc"
