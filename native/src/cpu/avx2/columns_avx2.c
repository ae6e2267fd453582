/* Matrices that lie by column, AVX2. */
#include "../x86/ymm.h"
#include "dots.h"

#define KERNEL(name) avx2_##name
#include "../simd/columns.inc"
