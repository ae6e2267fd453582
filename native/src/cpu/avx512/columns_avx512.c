/* Matrices that lie by column, AVX-512 with VNNI. */
#include "../x86/zmm.h"

#define KERNEL(name) avx512_##name
#include "../simd/columns.inc"
