/* Weight rows times one activation row, AVX2. */
#include "../x86/lanes.h"
#include "dots.h"

#define KERNEL(name) avx2_##name
#include "../x86/matvec.inc"
