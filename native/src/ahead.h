/* What is fetched from memory while a panel is multiplied: what its thread unpacks next. */
#ifndef RWKV_AHEAD_H
#define RWKV_AHEAD_H

#include "model.h"

/* Where the panel is in its matrix: rows `first` to `first` + `rows` - 1 of a strip. */
struct fetch fetch_of_next(const struct matrix *matrix, const struct kernels *kernels, size_t first, size_t rows,
                           const struct strip *strip, size_t tokens);

#endif
