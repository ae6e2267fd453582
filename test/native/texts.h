/*
 * Some texts that a model reads in one of several ways, which must all come to the same.
 */
#ifndef RWKV_TEXTS_H
#define RWKV_TEXTS_H

#include "random_model.h"

#define MAX_TEXTS 8
#define MAX_LENGTH 64

struct text {
    uint64_t length;
    uint32_t wanted; /* an enum rwkv_logits */
    uint32_t tokens[MAX_LENGTH];
};

struct texts {
    uint32_t count;
    struct text texts[MAX_TEXTS];
};

/* Adds a text of random tokens. */
static inline void texts_add(struct texts *texts, uint64_t length, uint32_t wanted, uint32_t vocabulary) {
    struct text *text = &texts->texts[texts->count++];
    *text = (struct text){.length = length, .wanted = wanted};
    for (uint64_t i = 0; i < length; i++) text->tokens[i] = check_random() % vocabulary;
}

/* What came of it: the wanted logits of the texts, then their states, each in memory of just its size. */
struct outcome {
    uint32_t parts;
    uint64_t floats[2 * MAX_TEXTS];
    float *values[2 * MAX_TEXTS];
};

static inline void outcome_free(struct outcome *outcome) {
    for (uint32_t i = 0; i < outcome->parts; i++) free(outcome->values[i]);
    outcome->parts = 0;
}

enum reading {
    ALL_AT_ONCE,   /* one batch of all texts */
    TEXT_BY_TEXT,  /* a batch for each */
    TOKEN_BY_TOKEN /* a batch for each token: the recurrent form */
};

static inline void read_token_by_token(struct rwkv_context *context, const struct text *text, struct rwkv_state *state,
                                       float *logits, uint64_t vocabulary) {
    for (uint64_t t = 0; t < text->length; t++) {
        const bool wanted = text->wanted == RWKV_LOGITS_ALL || (text->wanted && t + 1 == text->length);
        feed(context, state, &text->tokens[t], 1, wanted ? RWKV_LOGITS_LAST : RWKV_LOGITS_NONE, logits, vocabulary);
        if (wanted) logits += vocabulary;
    }
}

static inline struct outcome texts_read(const struct texts *texts, const struct rwkv_model *model, enum reading reading,
                                        uint32_t threads, uint32_t chunk) {
    const uint64_t vocabulary = model_info(model).vocabulary_size;
    struct rwkv_context *context = create_context(model, threads, chunk);
    struct rwkv_state *states[MAX_TEXTS];
    struct rwkv_sequence sequences[MAX_TEXTS];
    struct outcome outcome = {.parts = 2 * texts->count};
    for (uint32_t i = 0; i < texts->count; i++) {
        const struct text *text = &texts->texts[i];
        outcome.floats[i] = vocabulary * (text->wanted == RWKV_LOGITS_ALL ? text->length : text->wanted);
        outcome.values[i] = check_allocate(outcome.floats[i] * sizeof(float));
        states[i] = create_state(model);
        sequences[i] = (struct rwkv_sequence){.state = states[i],
                                              .tokens = text->tokens,
                                              .token_count = text->length,
                                              .logits = outcome.floats[i] ? outcome.values[i] : NULL,
                                              .logits_floats = outcome.floats[i],
                                              .wanted = text->wanted};
        if (reading == TEXT_BY_TEXT) evaluate_batch(context, &sequences[i], 1);
        if (reading == TOKEN_BY_TOKEN) read_token_by_token(context, text, states[i], outcome.values[i], vocabulary);
    }
    if (reading == ALL_AT_ONCE) evaluate_batch(context, sequences, texts->count);
    for (uint32_t i = 0; i < texts->count; i++) {
        outcome.floats[texts->count + i] = model_info(model).state_floats;
        outcome.values[texts->count + i] = state_values(model, states[i]);
        rwkv_state_free(states[i]);
    }
    rwkv_context_free(context);
    return outcome;
}

/* The largest difference of two outcomes, relative to the largest value of the part that it occurs in; 0 means that
 * they are equal bit for bit. */
static inline double outcome_difference(const struct outcome *a, const struct outcome *b) {
    double worst = 0;
    for (uint32_t part = 0; part < a->parts; part++) {
        const float *x = a->values[part], *y = b->values[part];
        if (memcmp(x, y, a->floats[part] * sizeof *x) == 0) continue;
        double difference = 0, largest = 0;
        for (uint64_t i = 0; i < a->floats[part]; i++) {
            difference = fmax(difference, isfinite(x[i]) && isfinite(y[i]) ? fabs((double)x[i] - y[i]) : INFINITY);
            largest = fmax(largest, fabs(x[i]));
        }
        worst = fmax(worst, fmax(difference / largest, 1e-30)); /* 0 and -0 are not the same bits */
    }
    return worst;
}

#endif
