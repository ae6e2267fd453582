/* The panels of the AVX-VNNI tier: two registers of 8 rows, unsigned for vpdpbusd. */
#define PANEL_ROWS 16
#define PANEL_UNSIGNED_S8
#define PANEL_UNSIGNED_S6
#define PANEL_PREFERS_S8
#include "../simd/panels.h"
