/*
 * Sums over the inputs of matrices, which evaluations add to: what calibrated quantisation is made of.
 */
#ifndef RWKV_OBSERVE_H
#define RWKV_OBSERVE_H

#include "operations.h"

/* Adds the first `rows` rows of the inputs of all products whose matrices are observed. Ends with a barrier, unless
 * nothing is observed in this context. */
void observe(const struct chunk *chunk, struct worker *worker, const struct product *products, size_t count,
             size_t rows);

/* Frees them. */
void observations_free(struct observation *observations);

#endif
