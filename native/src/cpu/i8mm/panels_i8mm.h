/* The panels of the tier that multiplies matrices: four registers of 2 rows. */
#define PANEL_ROWS 8
#define PANEL_RUN 8
#define PANEL_PREFERS_S8
#include "../simd/panels.h"
