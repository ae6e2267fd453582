/*
 * The matrices that channel mixes end with, laid out by column (cpu/columns.h): what they multiply has passed relu^2,
 * and where that has left a 0 a column need not be read.
 */
#ifndef RWKV_BY_COLUMN_H
#define RWKV_BY_COLUMN_H

#include "model.h"

/*
 * Lays them out anew; what is read where it lies, and what is allocated, is counted again. Of a mapped file, the pages
 * that the old layout lies in do not stay resident.
 * Errors: MEMORY, THREAD.
 */
enum rwkv_status by_column_pack(struct rwkv_model *model, struct rwkv_error *error);

/* One tile of a matrix [rows][n], `weights`: the COLUMN_TILE rows from tile * COLUMN_TILE on. */
void by_column_pack_tile(char *matrix, enum weight_type type, const void *weights, size_t row_bytes, size_t rows,
                         size_t n, size_t tile);

#endif
