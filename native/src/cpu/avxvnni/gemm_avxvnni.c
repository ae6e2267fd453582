/*
 * Panels times activations, AVX-VNNI. The sums of 6 tokens would fit the 16 registers, too, but gcc's code for S6
 * spills them: a quarter slower, where the others gain at most 4 %.
 */
#include "../x86/ymm.h"
#include "dots.h"
#include "panels_avxvnni.h"

enum { MAX_TILE = 4, MAX_TILE_F32 = 6 };

#include "../x86/vnni.h"

#define KERNEL(name) avxvnni_##name
#include "../x86/gemm.inc"
