/*
 * What the processor can do at best with the instructions of a tier: loops that do nothing but read, and chains of
 * multiply-adds that do not wait for each other.
 */
#ifndef RWKV_LIMITS_H
#define RWKV_LIMITS_H

#include "bench.h"

/* Measures all of bench->limits. */
void limits_measure(struct bench *bench);

#endif
