/* The panels of the AVX2 tier: two registers of 8 rows. */
#define PANEL_ROWS 16
#include "../simd/panels.h"
