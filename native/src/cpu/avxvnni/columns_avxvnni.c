/* Matrices that lie by column, AVX-VNNI. */
#include "../x86/ymm.h"
#include "dots.h"

#define KERNEL(name) avxvnni_##name
#include "../simd/columns.inc"
