/*
 * The caller's table of tensors, while a model is made of it: finds each by name, checks it before anything is read
 * through its pointer, and notices what is left over.
 *
 * The first failure is remembered and turns all later calls into nothing, so that whoever asks for tensors need not
 * look at each result: tensors_finish says how it went.
 */
#ifndef RWKV_TENSORS_H
#define RWKV_TENSORS_H

#include "model.h"

struct tensors {
    const struct rwkv_tensor *table;
    struct tensor_entry *entries; /* [count], sorted by name */
    uint64_t count;
    struct rwkv_model *model; /* owns what is copied */
    struct rwkv_error *error;
    enum rwkv_status status;
};

/* Names must be unique. After a failure only tensors_finish is useful. */
void tensors_start(struct tensors *tensors, struct rwkv_model *model, const struct rwkv_tensor *table, uint64_t count,
                   struct rwkv_error *error);

/* Every tensor must have been used or ignored by now. Frees what tensors_start allocated. */
enum rwkv_status tensors_finish(struct tensors *tensors);

/* Remembers a failure, as error_set. */
RWKV_PRINTF enum rwkv_status tensors_fail(struct tensors *tensors, enum rwkv_status status, const char *format, ...);

/* The layer of tensors that belong to none. */
#define NO_LAYER UINT32_MAX

/*
 * In all that follow a tensor is named by its layer and by the part of its name behind "blk.LAYER.":
 * "time_mix_key.weight".
 */

/* Whether it is in the table. */
bool tensors_have(const struct tensors *tensors, uint32_t layer, const char *name);

/* Counts it as used, if it is there, and looks at nothing else. */
void tensors_ignore(struct tensors *tensors, uint32_t layer, const char *name);

/* Its dimension (0: the fastest), at least 1 since the tensor has been checked; 0 after a failure. */
uint64_t tensors_dimension(struct tensors *tensors, uint32_t layer, const char *name, uint32_t dimension);

/* A matrix [rows][columns]. Its data stay where they are. */
struct matrix tensors_matrix(struct tensors *tensors, uint32_t layer, const char *name, uint64_t rows,
                             uint64_t columns);

/* A matrix [rank][columns] of any rank, which the model is told of. */
struct matrix tensors_low_rank(struct tensors *tensors, uint32_t layer, const char *name, uint64_t columns);

/* A stack of matrices [count][rows][columns] in one tensor. */
void tensors_matrices(struct tensors *tensors, uint32_t layer, const char *name, uint64_t count, uint64_t rows,
                      uint64_t columns, struct matrix *matrices);

/* A tensor of `elements` values, however they are divided into dimensions, as floats that the model owns. */
float *tensors_vector(struct tensors *tensors, uint32_t layer, const char *name, uint64_t elements);

/* NAME.weight and NAME.bias, [elements] each. */
struct norm tensors_norm(struct tensors *tensors, uint32_t layer, const char *name, uint64_t elements);

#endif
