/* From blocks to panels, AVX-VNNI. */
#include "../x86/lanes.h"
#include "panels_avxvnni.h"

#define KERNEL(name) avxvnni_##name
#include "../simd/pack.inc"
#include "../simd/pack_columns.inc"
