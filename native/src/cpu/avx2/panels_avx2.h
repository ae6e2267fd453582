/*
 * The panels of the AVX2 tier: 16 weight rows, interleaved so that one load gives the same columns of 8 rows.
 *
 * Integers lie in runs of 4 columns: a load of 32 bytes is 8 rows x 4 columns, which meets 4 activations that are
 * broadcast to all rows.
 */
#ifndef RWKV_PANELS_AVX2_H
#define RWKV_PANELS_AVX2_H

#include <stdint.h>

#include "../kernels.h"

enum { PANEL_ROWS = 16 };

/* 32 columns of 16 rows. */
struct u5_group {
    uint8_t q[Q8_GROUP / 4][PANEL_ROWS][4];
    float scale[PANEL_ROWS], minimum[PANEL_ROWS];
};

struct s6_group {
    int8_t q[Q8_GROUP / 4][PANEL_ROWS][4];
    float scale[2][PANEL_ROWS]; /* of the columns 0..15 and 16..31 */
};

struct s8_group {
    int8_t q[Q8_GROUP / 4][PANEL_ROWS][4];
    float scale[PANEL_ROWS];
};

/* One column of 16 rows. */
struct f32_column {
    float value[PANEL_ROWS];
};

#endif
