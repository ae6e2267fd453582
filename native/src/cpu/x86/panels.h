/*
 * Panels of x86-64 tiers: PANEL_ROWS weight rows, interleaved so that one load gives the same columns of as many rows
 * as a register has 32-bit lanes. Integers lie in runs of 4 columns, which meet 4 activations that are broadcast to all
 * rows.
 *
 * A tier includes this through a header of its own, which defines PANEL_ROWS, and PANEL_UNSIGNED if its dot product
 * wants all weights unsigned: S8 then holds q + 128 and S6 q + 32, and what this adds is taken off again with the help
 * of the activations' sums.
 */
#ifndef RWKV_PANELS_H
#define RWKV_PANELS_H

#include <stdint.h>

#include "../kernels.h"

#ifdef PANEL_UNSIGNED
enum { S8_OFFSET = 128, S6_OFFSET = 32 };
typedef uint8_t panel_integer;
#else
enum { S8_OFFSET = 0, S6_OFFSET = 0 };
typedef int8_t panel_integer;
#endif

/* Which panel a type becomes. Without a minimum there is less to do for each group, but signed weights cost the AVX2
 * tier more than a minimum does. */
enum {
    PANEL_OF_F32 = PANEL_F32,
    PANEL_OF_F16 = PANEL_F32,
    PANEL_OF_BF16 = PANEL_F32,
    PANEL_OF_Q8_0 = PANEL_S8,
#ifdef PANEL_UNSIGNED
    PANEL_OF_Q4_0 = PANEL_S8,
    PANEL_OF_Q5_0 = PANEL_S8,
#else
    PANEL_OF_Q4_0 = PANEL_U5,
    PANEL_OF_Q5_0 = PANEL_U5,
#endif
    PANEL_OF_Q4_1 = PANEL_U5,
    PANEL_OF_Q5_1 = PANEL_U5,
    PANEL_OF_IQ4_NL = PANEL_S8,
    PANEL_OF_Q2_K = PANEL_U6,
    PANEL_OF_Q3_K = PANEL_S6,
    PANEL_OF_Q4_K = PANEL_U5,
    PANEL_OF_Q5_K = PANEL_U5,
    PANEL_OF_Q6_K = PANEL_S6
};

/* 32 columns of all rows. */
struct u5_group {
    uint8_t q[Q8_GROUP / 4][PANEL_ROWS][4];
    float scale[PANEL_ROWS], minimum[PANEL_ROWS];
};

struct u6_group {
    uint8_t q[Q8_GROUP / 4][PANEL_ROWS][4];
    float scale[PANEL_ROWS];
    float minimum_scale[PANEL_ROWS];
    int16_t minimum[PANEL_ROWS][2]; /* of the columns 0..15 and 16..31, to be multiplied by minimum_scale */
};

struct s6_group {
    panel_integer q[Q8_GROUP / 4][PANEL_ROWS][4];
    float scale[2][PANEL_ROWS]; /* of the columns 0..15 and 16..31 */
};

struct s8_group {
    panel_integer q[Q8_GROUP / 4][PANEL_ROWS][4];
    float scale[PANEL_ROWS];
};

/* One column of all rows. */
struct f32_column {
    float value[PANEL_ROWS];
};

#endif
