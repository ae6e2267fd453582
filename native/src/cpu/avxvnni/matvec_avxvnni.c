/* Weight rows times one activation row, AVX-VNNI. */
#include "../x86/lanes.h"
#include "dots.h"

#define KERNEL(name) avxvnni_##name
#include "../x86/matvec.inc"
