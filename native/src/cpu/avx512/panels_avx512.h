/* The panels of the AVX-512 tier: two registers of 16 rows, unsigned for vpdpbusd. */
#define PANEL_ROWS 32
#define PANEL_STRIP_TOKENS 32
#define PANEL_UNSIGNED_S8
#define PANEL_UNSIGNED_S6
#define PANEL_PREFERS_S8
#include "../simd/panels.h"
