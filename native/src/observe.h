/*
 * The inputs of matrices, which evaluations leave behind: what quantisation that knows them is made of.
 */
#ifndef RWKV_OBSERVE_H
#define RWKV_OBSERVE_H

#include "operations.h"

/* Looks at the first `rows` rows of the inputs of all products whose matrices are observed. Ends with a barrier, unless
 * nothing is observed in this context. */
void observe(const struct chunk *chunk, struct worker *worker, const struct product *products, size_t count,
             size_t rows);

/*
 * From now on each chunk leaves its inputs of a matrix at *rows [chunk_tokens][*columns], which belongs to the context.
 * Errors: ARGUMENT if there is no such matrix or it is observed already, MEMORY.
 */
enum rwkv_status observe_rows(struct rwkv_context *context, const char *tensor, const float **rows, size_t *columns,
                              struct rwkv_error *error);

/* Ends the observations that have begun after `last`, which was the head of the context's list; all if it is NULL. */
void observations_end(struct rwkv_context *context, const struct observation *last);

#endif
