/*
 * The operations that the versions are written in.
 *
 * All threads of the pool call the same operations in the same order (see cpu/pool.h). Each operation divides its work
 * into items, whose results do not depend on which thread takes them, and ends with a barrier, unless it says
 * otherwise. An operation knows nothing of versions.
 */
#ifndef RWKV_OPERATIONS_H
#define RWKV_OPERATIONS_H

#include "context.h"

/* The rows that an operation works on: all, or those whose logits are wanted, which then lie close together. */
enum selection { ALL_ROWS, WANTED_ROWS };

/* x = the embeddings of the tokens, normalised if the model has that norm. */
void embed(const struct chunk *chunk, struct worker *worker);

/* ------------------------------------------------------------------ token shift */

struct lerp {
    const float *weight; /* of the previous token, [width] */
    const struct activations *out;
    bool floats, q8; /* the forms in which it is wanted */
};

/* A lerp in the forms that those who multiply it want. The second of them may be NULL. */
struct lerp lerp_for(const struct matrix *consumer, const struct matrix *consumer_2, const float *weight,
                     const struct activations *out);

/*
 * Where lerps go. If there is only one row each thread computes them for itself, in its own memory: that takes no
 * longer than if one did it while the others wait, and they need not meet.
 */
const struct activations *mixes_of(const struct chunk *chunk, const struct worker *worker);

/*
 * h = LN(x; norm) for all rows; for the selected ones, out = lerp(h, h of the previous token, weight) for each lerp.
 * `shift` is the offset, in the state of the layer, of the h that the previous chunk ended with. Ends with a barrier if
 * there are several rows.
 */
void normalise_and_mix(const struct chunk *chunk, struct worker *worker, const struct layer *layer,
                       const struct norm *norm, size_t shift, const struct lerp *lerps, size_t lerp_count,
                       enum selection selection);

/*
 * The same without the norm, and with weights that differ from token to token: out = lerp(h, h of the previous token,
 * weight + the floats of one of `differences` for each lerp).
 */
void mix_again(const struct chunk *chunk, struct worker *worker, const struct layer *layer, size_t shift,
               const struct lerp *lerps, const struct activations *differences, size_t lerp_count);

/*
 * Writes the h that this chunk ends with to the states, for the next one. Has no barrier, and needs one between itself
 * and the last operation that wants the old h; h stays until the next norm.
 */
void remember_shift(const struct chunk *chunk, struct worker *worker, const struct layer *layer, size_t shift);

/* ------------------------------------------------------------------ matrix products */

typedef void elementwise(float *y, const float *x, size_t n);

/*
 * output = activation(matrix * input), or, if `add`, output += gate * (matrix * input). The q8 form of what another
 * matrix multiplies next is made at once, part by part, by who has computed the part.
 */
struct product {
    const struct matrix *matrix;
    const struct activations *input;
    float *output;         /* rows lie `stride` floats apart */
    float *const *outputs; /* instead: each row for itself */
    size_t stride;
    elementwise *activation;             /* NULL: none */
    const struct activations *quantised; /* NULL; or those whose floats are the output: their q8 form is made, too */
    bool add;
    const float *gate; /* NULL: 1; rows lie `stride` floats apart */
};

/* No version has more at once. */
enum { MAX_PRODUCTS = 8 };

/*
 * At most MAX_PRODUCTS products at once. Of WANTED_ROWS all lie close together, only what is added to stays in its
 * place among all rows.
 */
void multiply(const struct chunk *chunk, struct worker *worker, const struct product *products, size_t count,
              enum selection selection);

/* The activations, if a matrix that multiplies them wants their q8 form; else NULL. */
const struct activations *if_quantised(const struct matrix *consumer, const struct activations *activations);

/* ------------------------------------------------------------------ the rest */

/* Number of tokens for which elementwise operations run before the next one does, so that all stays in the cache. */
#define TIME_BLOCK 16

/* Computes some columns of y, a head, say, for the rows of one sequence. */
typedef void part_body(const struct chunk *chunk, const struct layer *layer, const struct span *span, size_t part);

/* Calls `body` for each part of `part_width` columns and each span, and makes the form of y that the output wants. */
void mix_parts(const struct chunk *chunk, struct worker *worker, const struct layer *layer, size_t part_width,
               part_body *body);

/* The state of a layer in that of a span. */
float *layer_state(const struct chunk *chunk, const struct span *span, const struct layer *layer);

/*
 * What is fetched while the state `s` of a head is updated: of several sequences, whose states come from memory, what
 * lies one and a half heads behind it, those of the heads that are next (the fastest of 1, 1.5 and 2 heads). The state
 * of a single one may still be in a cache, and where a thread's heads end another thread's would be fetched: NULL.
 */
const float *states_ahead(const struct chunk *chunk, const float *s);

/* The end of a time mix: x += output * y. */
void add_output(const struct chunk *chunk, struct worker *worker, const struct layer *layer);

/* x += ChannelMix(LN(x; ln2)) for the selected rows; the state goes on for all. */
void channel_mix(const struct chunk *chunk, struct worker *worker, const struct layer *layer, enum selection selection);

/* What the head multiplies: y = LN(x; output_norm) for the wanted rows. There is at least one. */
struct product normalise_output(const struct chunk *chunk, struct worker *worker);

/* The wanted logits: head * LN(x; output_norm). */
void compute_logits(const struct chunk *chunk, struct worker *worker);

#endif
