/*
 * Rounding with error feedback (GPTQ: Frantar et al., 2022). The error of an element is made good, as well as may be,
 * by those after it in its row: what counts is the error of the products with inputs x, whose sums of products are
 * known.
 *
 * Let H = sum of x x^T over a block of columns, and U the upper triangle with H^-1 = U^T U. When column i of a row w
 * has been rounded to v, w_j -= (w_i - v) / U_ii * U_ij for all j > i makes the product's squared error smallest.
 *
 * Where the inputs are x' now and have been x before other matrices were rounded, the row w that makes sum (w . x' - w0
 * . x)^2 smallest is w0 + w0 M, M = D H^-1, with H = sum of x' x'^T and D = sum of (x - x') x'^T; and its rounding is
 * again a matter of H alone.
 */
#ifndef RWKV_FEEDBACK_H
#define RWKV_FEEDBACK_H

#include "blocks.h"

/* h[n][n]: the upper triangle of H becomes U. H is damped, so that a column without inputs has an inverse. `work` has
 * n * n + n elements. */
void feedback_factor(float *h, size_t n, double *work);

/* d[n][n]: D becomes M. `factor` is that of H. `row` has n elements. */
void feedback_correction(float *d, const float *factor, size_t n, float *row);

/*
 * Encodes a row x of n elements, a multiple of the type's block, which is changed on the way. `factors` and
 * `correction` are those of diagonal blocks of `block_columns` columns (a multiple of the type's block, or at least n),
 * one after the other; the last may be smaller. Blocks of columns know nothing of each other. `row` has block_columns
 * elements.
 */
void encode_row_feedback(enum weight_type type, void *y, float *x, size_t n, const float *factors,
                         const float *correction, size_t block_columns, float *row);

#endif
