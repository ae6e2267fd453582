/*
 * Panels: PANEL_ROWS weight rows, interleaved so that one load gives the same columns of as many rows as a register has
 * room for. Integers lie in runs of PANEL_RUN columns: 4, which meet 4 activations that are broadcast to all rows, and
 * whose sum is a lane of 32 bits; or 8 for instructions that multiply matrices.
 *
 * A tier includes this through a header of its own, which defines PANEL_ROWS and
 *
 * PANEL_RUN          if it is not 4
 * PANEL_UNSIGNED_S8  if its dot product wants weights unsigned: S8 then holds q + 128, S6 q + 32, and what this adds is
 * PANEL_UNSIGNED_S6  taken off again with the help of the activations' sums
 * PANEL_PREFERS_S8   if S8 costs it less than U5: without a minimum there is less to do for each group, but signed
 *                    weights may cost more than a minimum does
 * PANEL_STRIP_TOKENS if strips, which stay in the first cache until they have been multiplied, are faster than whole
 *                    panels: for how many tokens at most. With more of them unpacking is a small part, and to add to
 *                    results strip by strip costs more than it saves.
 * PANEL_PAIRED       if it has paired panels: integers of 4 bits become those
 */
#ifndef RWKV_PANELS_H
#define RWKV_PANELS_H

#include <stdint.h>

#include "../kernels.h"

#ifndef PANEL_RUN
#define PANEL_RUN 4
#endif

enum {
#ifdef PANEL_UNSIGNED_S8
    S8_OFFSET = 128,
#else
    S8_OFFSET = 0,
#endif
#ifdef PANEL_UNSIGNED_S6
    S6_OFFSET = 32
#else
    S6_OFFSET = 0
#endif
};

/* Which panel a type becomes. */
enum {
    PANEL_OF_F32 = PANEL_F32,
    PANEL_OF_F16 = PANEL_F32,
    PANEL_OF_BF16 = PANEL_F32,
    PANEL_OF_Q8_0 = PANEL_S8,
#ifdef PANEL_PREFERS_S8
    PANEL_OF_Q5_0 = PANEL_S8,
#else
    PANEL_OF_Q5_0 = PANEL_U5,
#endif
#if defined(PANEL_PAIRED)
    PANEL_OF_Q4_0 = PANEL_S4,
    PANEL_OF_Q4_1 = PANEL_U4,
    PANEL_OF_Q4_K = PANEL_U4,
#else
    PANEL_OF_Q4_0 = PANEL_OF_Q5_0,
    PANEL_OF_Q4_1 = PANEL_U5,
    PANEL_OF_Q4_K = PANEL_U5,
#endif
    PANEL_OF_Q5_1 = PANEL_U5,
    PANEL_OF_IQ4_NL = PANEL_S8,
    PANEL_OF_Q2_K = PANEL_U6,
    PANEL_OF_Q3_K = PANEL_S6,
    PANEL_OF_Q5_K = PANEL_U5,
    PANEL_OF_Q6_K = PANEL_S6
};

/* 32 columns of all rows. */
struct u5_group {
    uint8_t q[Q8_GROUP / PANEL_RUN][PANEL_ROWS][PANEL_RUN];
    float scale[PANEL_ROWS], minimum[PANEL_ROWS];
};

struct u6_group {
    uint8_t q[Q8_GROUP / PANEL_RUN][PANEL_ROWS][PANEL_RUN];
    float scale[PANEL_ROWS];
    float minimum_scale[PANEL_ROWS];
    int16_t minimum[PANEL_ROWS][2]; /* of the columns 0..15 and 16..31, to be multiplied by minimum_scale */
};

struct s6_group {
    uint8_t q[Q8_GROUP / PANEL_RUN][PANEL_ROWS][PANEL_RUN]; /* signed where S6_OFFSET is 0 */
    float scale[2][PANEL_ROWS];                             /* of the columns 0..15 and 16..31 */
};

struct s8_group {
    uint8_t q[Q8_GROUP / PANEL_RUN][PANEL_ROWS][PANEL_RUN]; /* signed where S8_OFFSET is 0 */
    float scale[PANEL_ROWS];
};

/* Of paired panels: what is kept of integers of 0..15 is what they lack to S4_TOP, and products are those of the
 * difference to S4_ZERO. Of unpaired columns, those of the first half are kept as they are, and those of the second as
 * their difference to S4_TOP, which is negative. */
enum { S4_TOP = 15, S4_ZERO = 8 };

struct s4_group {
    int8_t q[Q8_GROUP / PANEL_RUN][PANEL_ROWS][PANEL_RUN];
    float scale[PANEL_ROWS];
    int32_t pairs[PANEL_ROWS]; /* sum of (128 - first half) * second half; of unpaired columns, of -128 * second half */
};

struct u4_group {
    struct s4_group s4;
    float minimum[PANEL_ROWS]; /* what an integer of -8 stands for, + 8 * scale */
};

/* One column of all rows. */
struct f32_column {
    float value[PANEL_ROWS];
};

#endif
