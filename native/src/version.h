/*
 * What a version of RWKV is: the tensors of its time mix, and how that is computed. One file each, rwkv4.c to rwkv7.c.
 */
#ifndef RWKV_VERSION_H
#define RWKV_VERSION_H

#include "operations.h"
#include "tensors.h"

struct version {
    uint32_t number;
    bool has_heads;
    bool has_channel_receptance;
    /* Takes the tensors of a layer's time mix that not all versions have. */
    void (*take_time_mix)(struct tensors *tensors, struct layer *layer);
    /* x += TimeMix(LN(x; ln1)); the state goes on. */
    void (*time_mix)(const struct chunk *chunk, struct worker *worker, const struct layer *layer);
};

extern const struct version rwkv4, rwkv5, rwkv6, rwkv7;

#endif
