/*
 * Models of random weights, of any version and shape, as a table of tensors for rwkv_model_create. Every tensor lies at
 * an odd address in memory of its own, which ends with it, so that a sanitizer sees every access beyond.
 *
 *     struct random_model random = random_model_make(&(struct shape){.version = 7, .layers = 2, …});
 *     struct rwkv_model *model = random_model_create(&random);
 */
#ifndef RWKV_RANDOM_MODEL_H
#define RWKV_RANDOM_MODEL_H

#include <math.h>
#include <string.h>

#include "../../native/include/rwkv.h"
#include "check.h"

static const uint32_t all_types[] = {RWKV_TYPE_F32,  RWKV_TYPE_F16,  RWKV_TYPE_BF16, RWKV_TYPE_Q8_0,
                                     RWKV_TYPE_Q4_0, RWKV_TYPE_Q4_1, RWKV_TYPE_Q5_0, RWKV_TYPE_Q5_1,
                                     RWKV_TYPE_Q4_K, RWKV_TYPE_Q5_K, RWKV_TYPE_Q6_K};
enum { ALL_TYPES = sizeof all_types / sizeof *all_types };

/* As the type of a tensor: a random one for each, among those whose blocks its rows can be divided into. */
#define MIXED_TYPES UINT32_MAX

struct shape {
    uint32_t version;
    uint32_t layers, width, head_size, hidden, vocabulary;
    uint32_t ranks[4];   /* 6: of each lerp, of the decay; 7: of w, a, v, g */
    bool gate;           /* 5 */
    bool separate_lerps; /* 6 */
    bool embedding_norm;
    bool unused_v; /* 7: layer 0 has v0, v1, v2, which nobody reads */
    uint32_t rescale_every;
    uint32_t matrix_type; /* F32 where its blocks do not fit */
    uint32_t ends_type;   /* of the embeddings and the head */
    uint32_t vector_type; /* of everything else */
};

#define MAX_TENSORS 128

struct random_model {
    struct shape shape;
    struct rwkv_model_config config;
    uint64_t tensor_count;
    struct rwkv_tensor tensors[MAX_TENSORS];
    float *values[MAX_TENSORS]; /* what the tensors hold */
};

static inline struct rwkv_type_info type_info(uint32_t type) {
    struct rwkv_type_info info = {.struct_size = sizeof info};
    struct rwkv_error error = {0};
    CHECK(rwkv_type_info(type, &info, &error) == RWKV_OK, "%s", error.message);
    return info;
}

static inline uint32_t fitting_type(uint32_t type, uint64_t columns) {
    if (type == MIXED_TYPES) do
            type = all_types[check_random() % ALL_TYPES];
        while (columns % type_info(type).block_elements != 0);
    return columns % type_info(type).block_elements == 0 ? type : RWKV_TYPE_F32;
}

static inline char *random_model_name(int layer, const char *name) {
    char *full = check_allocate(strlen(name) + 16);
    if (layer < 0)
        strcpy(full, name);
    else
        sprintf(full, "blk.%d.%s", layer, name);
    return full;
}

/* Adds a tensor of values in [low, high). dims ends with a 0. */
static inline void add_tensor(struct random_model *random, uint32_t type, int layer, const char *name,
                              const uint32_t *dims, float low, float high) {
    CHECK(random->tensor_count < MAX_TENSORS, "too many tensors");
    const uint64_t index = random->tensor_count++;
    struct rwkv_tensor *tensor = &random->tensors[index];
    *tensor = (struct rwkv_tensor){.name = random_model_name(layer, name), .type = fitting_type(type, dims[0])};
    uint64_t elements = 1;
    for (; dims[tensor->dim_count]; tensor->dim_count++) {
        tensor->dims[tensor->dim_count] = dims[tensor->dim_count];
        elements *= dims[tensor->dim_count];
    }
    float *values = random->values[index] = check_allocate(elements * sizeof *values);
    for (uint64_t i = 0; i < elements; i++) values[i] = check_random_float(low, high);

    const struct rwkv_type_info info = type_info(tensor->type);
    tensor->bytes = elements / info.block_elements * info.block_bytes;
    char *data = (char *)check_allocate(tensor->bytes + 1) + 1;
    tensor->data = data;
    struct rwkv_error error = {0};
    CHECK(rwkv_encode(tensor->type, values, elements, data, tensor->bytes, &error) == RWKV_OK, "%s", error.message);
    CHECK(rwkv_decode(tensor->type, data, tensor->bytes, values, elements, &error) == RWKV_OK, "%s", error.message);
}

#define DIMS(...) ((const uint32_t[]){__VA_ARGS__, 0})

static inline void add_matrix(struct random_model *random, int layer, const char *name, uint32_t columns,
                              uint32_t rows) {
    const float most = sqrtf(3 / (float)columns); /* a product has about the size of what is multiplied */
    add_tensor(random, random->shape.matrix_type, layer, name, DIMS(columns, rows), -most, most);
}

static inline void add_vector(struct random_model *random, int layer, const char *name, float low, float high) {
    add_tensor(random, random->shape.vector_type, layer, name, DIMS(random->shape.width), low, high);
}

static inline void add_norm(struct random_model *random, int layer, const char *name) {
    char part[64];
    snprintf(part, sizeof part, "%s.weight", name);
    add_vector(random, layer, part, 0.5f, 1.5f);
    snprintf(part, sizeof part, "%s.bias", name);
    add_vector(random, layer, part, -0.3f, 0.3f);
}

static inline void add_lerps(struct random_model *random, int layer, uint32_t count) {
    add_tensor(random, random->shape.vector_type, layer, "time_mix_lerp_fused.weight",
               DIMS(random->shape.width, 1, 1, count), 0, 1);
}

static inline void add_first(struct random_model *random, int layer) {
    const struct shape *shape = &random->shape;
    add_tensor(random, shape->vector_type, layer, "time_mix_first.weight",
               DIMS(shape->head_size, shape->width / shape->head_size), -1, 1);
}

static inline void add_time_mix_4(struct random_model *random, int layer) {
    add_lerps(random, layer, 3);
    add_vector(random, layer, "time_mix_decay.weight", -5, 1);
    add_vector(random, layer, "time_mix_first.weight", -1, 1);
}

static inline void add_time_mix_5(struct random_model *random, int layer) {
    add_lerps(random, layer, random->shape.gate ? 4 : 3);
    if (random->shape.gate) add_matrix(random, layer, "time_mix_gate.weight", random->shape.width, random->shape.width);
    add_vector(random, layer, "time_mix_decay.weight", -5, 1);
    add_first(random, layer);
    add_norm(random, layer, "time_mix_ln");
}

static inline void add_time_mix_6(struct random_model *random, int layer) {
    const struct shape *shape = &random->shape;
    const uint32_t width = shape->width, rank = shape->ranks[0], decay_rank = shape->ranks[1];
    if (shape->separate_lerps) {
        static const char *const names[] = {"time_mix_lerp_w.weight", "time_mix_lerp_k.weight",
                                            "time_mix_lerp_v.weight", "time_mix_lerp_r.weight",
                                            "time_mix_lerp_g.weight"};
        for (int c = 0; c < 5; c++) add_vector(random, layer, names[c], 0, 1);
    } else {
        add_lerps(random, layer, 5);
    }
    add_vector(random, layer, "time_mix_lerp_x.weight", 0, 1);
    add_matrix(random, layer, "time_mix_w1.weight", width, 5 * rank);
    const float most = 0.5f * sqrtf(3 / (float)rank);
    add_tensor(random, shape->matrix_type, layer, "time_mix_w2.weight", DIMS(rank, width, 5), -most, most);
    add_vector(random, layer, "time_mix_decay.weight", -5, 1);
    add_matrix(random, layer, "time_mix_decay_w1.weight", width, decay_rank);
    add_matrix(random, layer, "time_mix_decay_w2.weight", decay_rank, width);
    add_first(random, layer);
    add_matrix(random, layer, "time_mix_gate.weight", width, width);
    add_norm(random, layer, "time_mix_ln");
}

static inline void add_low_rank(struct random_model *random, int layer, char letter, uint32_t rank) {
    const uint32_t width = random->shape.width;
    const char name[] = {'t', 'i', 'm', 'e', '_', 'm', 'i', 'x', '_', letter, 0};
    char part[64];
    if (letter != 'g') {
        snprintf(part, sizeof part, "%s0.weight", name);
        add_vector(random, layer, part, -2, 2);
    }
    snprintf(part, sizeof part, "%s1.weight", name);
    add_matrix(random, layer, part, width, rank);
    snprintf(part, sizeof part, "%s2.weight", name);
    add_matrix(random, layer, part, rank, width);
}

static inline void add_time_mix_7(struct random_model *random, int layer) {
    const uint32_t *ranks = random->shape.ranks;
    add_lerps(random, layer, 6);
    add_low_rank(random, layer, 'w', ranks[0]);
    add_low_rank(random, layer, 'a', ranks[1]);
    if (layer > 0 || random->shape.unused_v) add_low_rank(random, layer, 'v', ranks[2]);
    add_low_rank(random, layer, 'g', ranks[3]);
    add_vector(random, layer, "time_mix_k_k.weight", 0.5f, 1.5f);
    add_vector(random, layer, "time_mix_k_a.weight", 0, 1);
    add_vector(random, layer, "time_mix_r_k.weight", -1, 1);
    add_norm(random, layer, "time_mix_ln");
}

static inline void add_layer(struct random_model *random, int layer) {
    const uint32_t width = random->shape.width, hidden = random->shape.hidden;
    add_norm(random, layer, "attn_norm");
    add_matrix(random, layer, "time_mix_receptance.weight", width, width);
    add_matrix(random, layer, "time_mix_key.weight", width, width);
    add_matrix(random, layer, "time_mix_value.weight", width, width);
    add_matrix(random, layer, "time_mix_output.weight", width, width);
    switch (random->shape.version) {
    case 4: add_time_mix_4(random, layer); break;
    case 5: add_time_mix_5(random, layer); break;
    case 6: add_time_mix_6(random, layer); break;
    default: add_time_mix_7(random, layer); break;
    }
    add_norm(random, layer, "attn_norm_2");
    add_vector(random, layer, "channel_mix_lerp_k.weight", 0, 1);
    add_matrix(random, layer, "channel_mix_key.weight", width, hidden);
    add_matrix(random, layer, "channel_mix_value.weight", hidden, width);
    if (random->shape.version < 7) {
        add_vector(random, layer, "channel_mix_lerp_r.weight", 0, 1);
        add_matrix(random, layer, "channel_mix_receptance.weight", width, width);
    }
}

static inline struct random_model random_model_make(const struct shape *shape) {
    struct random_model random = {.shape = *shape,
                                  .config = {.struct_size = sizeof random.config,
                                             .version = shape->version,
                                             .layer_count = shape->layers,
                                             .head_size = shape->version == 4 ? 0 : shape->head_size,
                                             .rescale_every = shape->rescale_every}};
    const uint32_t width = shape->width, vocabulary = shape->vocabulary;
    add_tensor(&random, shape->ends_type, -1, "token_embd.weight", DIMS(width, vocabulary), -1, 1);
    if (shape->embedding_norm) add_norm(&random, -1, "token_embd_norm");
    for (uint32_t i = 0; i < shape->layers; i++) add_layer(&random, (int)i);
    add_norm(&random, -1, "output_norm");
    const float most = sqrtf(3 / (float)width);
    add_tensor(&random, shape->ends_type, -1, "output.weight", DIMS(width, vocabulary), -most, most);
    return random;
}

static inline void random_model_free(struct random_model *random) {
    for (uint64_t i = 0; i < random->tensor_count; i++) {
        free((char *)random->tensors[i].name);
        free((char *)random->tensors[i].data - 1);
        free(random->values[i]);
    }
    random->tensor_count = 0;
}

/* The tensor of that name; fails the test if there is none. */
static inline uint64_t random_model_find(const struct random_model *random, int layer, const char *name) {
    char *full = random_model_name(layer, name);
    uint64_t i = 0;
    while (i < random->tensor_count && strcmp(random->tensors[i].name, full) != 0) i++;
    CHECK(i < random->tensor_count, "no tensor %s", full);
    free(full);
    if (i == random->tensor_count) exit(check_result());
    return i;
}

/* ------------------------------------------------------------------ what must succeed */

/* False, after saying so, if RWKV_CPU_TIER names a tier that this processor has not: the test is skipped. */
static inline bool tier_runs_here(void) {
    struct rwkv_cpu_info info = {.struct_size = sizeof info};
    struct rwkv_error error = {0};
    if (rwkv_cpu_info(&info, &error) == RWKV_OK) return true;
    printf("skipped: %s\n", error.message);
    return false;
}

static inline struct rwkv_model *random_model_create(const struct random_model *random) {
    struct rwkv_model *model = NULL;
    struct rwkv_error error = {0};
    rwkv_model_create(&random->config, random->tensors, random->tensor_count, &model, &error);
    CHECK(model, "%s", error.message);
    if (!model) exit(check_result());
    return model;
}

static inline struct rwkv_model_info model_info(const struct rwkv_model *model) {
    struct rwkv_model_info info = {.struct_size = sizeof info};
    CHECK(rwkv_model_info(model, &info, NULL) == RWKV_OK, "rwkv_model_info");
    return info;
}

static inline struct rwkv_context *create_context(const struct rwkv_model *model, uint32_t threads, uint32_t chunk) {
    const struct rwkv_context_config config = {
        .struct_size = sizeof config, .thread_count = threads, .chunk_tokens = chunk};
    struct rwkv_context *context = NULL;
    struct rwkv_error error = {0};
    rwkv_context_create(model, &config, &context, &error);
    CHECK(context, "%s", error.message);
    if (!context) exit(check_result());
    return context;
}

static inline struct rwkv_state *create_state(const struct rwkv_model *model) {
    struct rwkv_state *state = NULL;
    struct rwkv_error error = {0};
    rwkv_state_create(model, &state, &error);
    CHECK(state, "%s", error.message);
    if (!state) exit(check_result());
    return state;
}

/* The floats of a state, to be freed. */
static inline float *state_values(const struct rwkv_model *model, const struct rwkv_state *state) {
    const uint64_t floats = model_info(model).state_floats;
    float *values = check_allocate(floats * sizeof *values);
    struct rwkv_error error = {0};
    CHECK(rwkv_state_get(state, values, floats, &error) == RWKV_OK, "%s", error.message);
    return values;
}

static inline void evaluate_batch(struct rwkv_context *context, struct rwkv_sequence *sequences, uint32_t count) {
    const struct rwkv_batch batch = {.struct_size = sizeof batch, .sequence_count = count, .sequences = sequences};
    uint64_t *evaluated = check_allocate(count * sizeof *evaluated);
    struct rwkv_error error = {0};
    CHECK(rwkv_evaluate(context, &batch, evaluated, &error) == RWKV_OK, "%s", error.message);
    for (uint32_t i = 0; i < count; i++)
        CHECK(evaluated[i] == sequences[i].token_count, "%" PRIu64 " of sequence %u", evaluated[i], (unsigned)i);
    free(evaluated);
}

/* Feeds some tokens of one text; room at `logits` is just what is wanted. */
static inline void feed(struct rwkv_context *context, struct rwkv_state *state, const uint32_t *tokens, uint64_t count,
                        uint32_t wanted, float *logits, uint64_t logits_floats) {
    struct rwkv_sequence sequence = {.state = state,
                                     .tokens = tokens,
                                     .token_count = count,
                                     .logits = logits,
                                     .logits_floats = logits_floats,
                                     .wanted = wanted};
    evaluate_batch(context, &sequence, 1);
}

/* ------------------------------------------------------------------ the shapes that tests go through */

/* Small, and odd in every respect. In all of them every weight type fits somewhere if `matrix_type` asks for it. */
static const struct shape odd_shapes[] = {
    {.version = 4, .layers = 1, .width = 12, .hidden = 24, .vocabulary = 12},
    {.version = 4, .layers = 3, .width = 100, .hidden = 100, .vocabulary = 37, .embedding_norm = true},
    {.version = 5, .layers = 2, .width = 48, .head_size = 8, .hidden = 100, .vocabulary = 12},
    {.version = 5,
     .layers = 2,
     .width = 72,
     .head_size = 24,
     .hidden = 24,
     .vocabulary = 35,
     .gate = true,
     .embedding_norm = true},
    {.version = 6,
     .layers = 2,
     .width = 48,
     .head_size = 16,
     .hidden = 24,
     .vocabulary = 12,
     .ranks = {5, 17},
     .embedding_norm = true},
    {.version = 6,
     .layers = 1,
     .width = 128,
     .head_size = 128,
     .hidden = 100,
     .vocabulary = 33,
     .ranks = {33, 5},
     .separate_lerps = true},
    {.version = 7,
     .layers = 3,
     .width = 48,
     .head_size = 24,
     .hidden = 100,
     .vocabulary = 12,
     .ranks = {5, 17, 33, 5},
     .embedding_norm = true},
    {.version = 7,
     .layers = 2,
     .width = 128,
     .head_size = 64,
     .hidden = 24,
     .vocabulary = 19,
     .ranks = {33, 5, 17, 33},
     .unused_v = true},
    {.version = 7, .layers = 1, .width = 40, .head_size = 8, .hidden = 24, .vocabulary = 12, .ranks = {17, 17, 17, 17}},
};

/* Rows of whole blocks of 256. */
static const struct shape block_shapes[] = {
    {.version = 4, .layers = 1, .width = 256, .hidden = 256, .vocabulary = 40, .embedding_norm = true},
    {.version = 5, .layers = 1, .width = 256, .head_size = 64, .hidden = 256, .vocabulary = 40, .gate = true},
    {.version = 6,
     .layers = 1,
     .width = 256,
     .head_size = 64,
     .hidden = 256,
     .vocabulary = 40,
     .ranks = {32, 64},
     .embedding_norm = true},
    {.version = 7,
     .layers = 2,
     .width = 256,
     .head_size = 64,
     .hidden = 256,
     .vocabulary = 40,
     .ranks = {32, 64, 32, 256},
     .embedding_norm = true},
};

enum { ODD_SHAPES = sizeof odd_shapes / sizeof *odd_shapes, BLOCK_SHAPES = sizeof block_shapes / sizeof *block_shapes };

/* For messages. */
static inline const char *shape_text(const struct shape *shape) {
    static char text[96];
    snprintf(text, sizeof text, "RWKV-%u %u x %u, heads of %u, matrices %d, ends %d", (unsigned)shape->version,
             (unsigned)shape->layers, (unsigned)shape->width, (unsigned)shape->head_size, (int)shape->matrix_type,
             (int)shape->ends_type);
    return text;
}

#endif
