/* The memory that a model holds itself: a list of pieces, which live as long as it does. */
#include <stdlib.h>

#include "model.h"

struct owned {
    struct owned *next;
    float data[];
};

void *model_allocate(struct rwkv_model *model, size_t bytes) {
    struct owned *owned = calloc(1, sizeof *owned + bytes);
    if (!owned) return NULL;
    owned->next = model->owned;
    model->owned = owned;
    model->allocated_bytes += sizeof *owned + bytes;
    return owned->data;
}

void rwkv_model_free(struct rwkv_model *model) {
    if (!model) return;
    while (model->owned) {
        struct owned *owned = model->owned;
        model->owned = owned->next;
        free(owned);
    }
    free(model);
}
