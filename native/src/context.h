/*
 * A context: the threads and the scratch memory of evaluations, and the chunk of tokens that is being evaluated.
 */
#ifndef RWKV_CONTEXT_H
#define RWKV_CONTEXT_H

#include "cpu/pool.h"
#include "crowd.h"
#include "model.h"

#include <stdatomic.h>

/* Weight rows that are multiplied as one item of work, at most. */
#define MAX_ITEM_ROWS 512

#define MAX_LOW_RANKS 5

/* A matrix that lies by column is multiplied in so many parts at most, whose sums are added up. */
#define COLUMN_PARTS 16

/*
 * Rows of activations [rows][columns] that matrices multiply, in one or both of two forms: what a matrix wants depends
 * on its type.
 */
struct activations {
    float *floats; /* rows lie float_stride floats apart */
    size_t float_stride;
    char *q8; /* q8 rows, which lie q8_stride bytes apart */
    size_t q8_stride;
};

/* Memory that one thread has for itself. */
struct desk {
    char *panels; /* unpacked weights */
    float *tile;  /* results before they are added to something */
    float *row;   /* [width] */
    float *lerp;  /* [width] */

    /* Of one row, when it is the only one. */
    float *h;                          /* [width] */
    struct activations mix[MAX_LERPS]; /* [1][width] */
};

/* Activations of the layer at hand, for all rows of a chunk; unless noted [rows][width]. */
struct buffers {
    float *x; /* the residual stream */
    float *h; /* its norm */
    float *r, *k, *v, *w, *a, *g, *kappa, *v_mix;
    float *v_first;                        /* RWKV-7: the value of layer 0 */
    struct activations mix[MAX_LERPS];     /* h mixed with that of the previous token */
    struct activations low[MAX_LOW_RANKS]; /* [rows][rank] */
    struct activations y;                  /* what the time mix's output matrix and the head multiply */
    struct activations hidden;             /* [rows][channel_mix_width] */
    float *parts;                          /* [COLUMN_PARTS][column_rows(width)] */
    atomic_uint *arrived;                  /* [COLUMN_PARTS]: of sums that are added up; 0 between operations */
    atomic_uint *embedded;                 /* rows of embeddings that have been read since their pages were released */
};

/* The rows of one sequence in a chunk. */
struct span {
    float *state;
    uint32_t first, rows;
};

#define NO_SLOT UINT32_MAX

struct observation;

/* Tokens that are evaluated together: a row for each. */
struct chunk {
    const struct rwkv_model *model;
    const struct kernels *kernels;
    const struct buffers *buffers;
    const struct desk *desks; /* [threads] */
    uint32_t rows, span_count, wanted_count;
    uint32_t *tokens;      /* [rows] */
    uint32_t *span_of;     /* [rows] */
    struct span *spans;    /* [span_count] */
    uint32_t *wanted_rows; /* [wanted_count]: those after which logits are wanted, ascending */
    uint32_t *slot_of;     /* [rows]: the reverse; NO_SLOT for the others */
    float **logits;        /* [wanted_count]: where they go */

    struct observation *observations; /* a list; NULL: nothing is observed */
};

struct rwkv_context {
    const struct rwkv_model *model;
    struct pool *pool;
    struct crowd crowd;
    atomic_ullong delayed; /* of all threads since the last look, nanoseconds */
    uint64_t disk_reads;   /* of the process, at the last look */
    uint32_t thread_count, chunk_tokens;
    struct desk *desks; /* [thread_count] */
    struct buffers buffers;
    struct chunk chunk;
    void *memory; /* holds all of the above */
    size_t memory_bytes;
};

#endif
