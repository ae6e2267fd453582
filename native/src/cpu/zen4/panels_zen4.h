/* The panels of the Zen 4 tier: as those of AVX-512, and paired ones. */
#define PANEL_ROWS 32
#define PANEL_STRIP_TOKENS 32
#define PANEL_UNSIGNED_S8
#define PANEL_UNSIGNED_S6
#define PANEL_PREFERS_S8
#define PANEL_PAIRED
#include "../simd/panels.h"
