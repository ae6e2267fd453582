/* The panels of the dot product tier: two registers of 4 rows. */
#define PANEL_ROWS 8
#define PANEL_PREFERS_S8
#include "../simd/panels.h"
