/* The panels of the NEON tier: two registers of 4 rows. */
#define PANEL_ROWS 8
#include "../simd/panels.h"
