/* The panels of the AVX2 tier: two registers of 8 rows. */
#define PANEL_ROWS 16
#define PANEL_UNSIGNED_S6
#include "../simd/panels.h"
