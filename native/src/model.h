/*
 * A model: its weights and sizes, as the versions and the evaluation see them.
 */
#ifndef RWKV_MODEL_H
#define RWKV_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "cpu/kernels.h"
#include "error.h"

_Static_assert(sizeof(size_t) == 8, "sizes are computed in 64 bits");

/* Weights [rows][columns] where the caller has them. */
struct matrix {
    const char *data;
    size_t rows, columns;
    size_t row_bytes;
    enum weight_type type;
    char *by_column; /* NULL; or the weights as in cpu/columns.h, and those at `data` are not used any more */
    float scale;     /* what the product is multiplied by: a power of two, 1 unless the file was rescaled */
};

/* Of layer norms and group norms. NULL weights: identity. */
struct norm {
    const float *weight, *bias;
};

#define MAX_LERPS 6

struct layer {
    uint32_t index;

    /* Time mix. */
    struct norm ln1;
    const float *lerp[MAX_LERPS]; /* in the order of the file: 4 and 5 k v r g, 6 w k v r g, 7 r w k v a g */
    struct matrix receptance, key, value, output;
    struct matrix gate; /* 5 (data NULL: none) and 6 */
    const float *decay; /* 4: -exp(raw); 5: exp(-exp(raw)); 6: raw */
    const float *first; /* 4, 5, 6 */
    struct norm ln_x;   /* 5, 6, 7 */
    union {
        struct {
            const float *lerp_x;
            struct matrix w1[5], w2[5]; /* [rank][width]; [width][rank] for w k v r g */
            struct matrix decay_w1, decay_w2;
        } v6;
        struct {
            const float *w0, *a0, *v0;    /* v0, v1, v2: not in layer 0 */
            struct matrix w1, a1, v1, g1; /* [rank][width] */
            struct matrix w2, a2, v2, g2; /* [width][rank] */
            const float *k_k, *k_a, *r_k;
        } v7;
    };

    /* Channel mix. */
    struct norm ln2;
    const float *channel_lerp_k, *channel_lerp_r;
    struct matrix channel_key, channel_value;
    struct matrix channel_receptance; /* 4, 5, 6 */
};

/* A matrix of the table of tensors, by its name there. Those of a stack have none. */
struct named_matrix {
    const struct named_matrix *next;
    const char *data;
    size_t columns;
    char name[];
};

struct rwkv_model {
    const struct version *version;
    const struct kernels *kernels;
    uint32_t layer_count;
    size_t width, channel_mix_width, vocabulary_size;
    size_t head_count, head_size; /* 0 in version 4 */
    float layer_norm_epsilon, group_norm_epsilon;

    struct matrix embedding, head;
    struct norm embedding_norm, output_norm;
    struct layer *layers; /* [layer_count] */

    /* Over all layers, for whoever sizes scratch. */
    size_t max_rank;                 /* low-rank widths; in version 6 the five of z together */
    size_t max_columns[PANEL_COUNT]; /* of the matrices that become panels of a kind */

    bool is_paired; /* the q8 rows that its matrices multiply have paired groups */
    bool is_mapped; /* the tensors lie in a mapped file */

    const struct named_matrix *names; /* a list */

    struct owned *owned; /* copies of small tensors */
    uint64_t parameter_count, tensor_bytes, allocated_bytes;
};

/* Zeroed memory that lives as long as the model; NULL if there is none. */
void *model_allocate(struct rwkv_model *model, size_t bytes);

/* ------------------------------------------------------------------ state, see rwkv_state_get */

struct rwkv_state {
    const struct rwkv_model *model;
    float *data; /* in the same piece of memory */
};

/* Floats per layer, and where in them the parts begin; the time mix's shift vector is the first. */
static inline size_t state_wkv_floats(const struct rwkv_model *model) {
    return model->width * (model->head_size ? model->head_size : 3);
}
static inline size_t state_layer_floats(const struct rwkv_model *model) {
    return 2 * model->width + state_wkv_floats(model);
}
static inline size_t state_wkv_offset(const struct rwkv_model *model) { return model->width; }
static inline size_t state_channel_shift_offset(const struct rwkv_model *model) {
    return model->width + state_wkv_floats(model);
}
static inline size_t state_floats(const struct rwkv_model *model) {
    return model->layer_count * state_layer_floats(model);
}

#endif
