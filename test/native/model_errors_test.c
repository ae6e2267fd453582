/* Every way in which rwkv_model_create refuses a table of tensors, and that it says which tensor is to blame. */
#include <stddef.h>

#include "random_model.h"

static const struct random_model *tested; /* for messages */

/* Creation must fail like that, with a message in which `word` occurs. */
static void expect(enum rwkv_status expected, const char *word, const struct rwkv_model_config *config,
                   const struct rwkv_tensor *tensors, uint64_t count) {
    struct rwkv_model *model = (struct rwkv_model *)&tested;
    struct rwkv_error error = {0};
    const enum rwkv_status status = rwkv_model_create(config, tensors, count, &model, &error);
    CHECK(status == expected && error.status == (int32_t)status, "%s: %s, not %s for %s: %s",
          shape_text(&tested->shape), rwkv_status_name(status), rwkv_status_name(expected), word, error.message);
    CHECK(model == NULL, "a model in spite of %s", error.message);
    CHECK(strstr(error.message, word), "%s is not in: %s", word, error.message);
    if (status == RWKV_OK) rwkv_model_free(model);
}

/* The same with tensor i replaced. */
static void expect_of_tensor(enum rwkv_status expected, const char *word, const struct random_model *random, uint64_t i,
                             struct rwkv_tensor tensor) {
    struct rwkv_tensor tensors[MAX_TENSORS];
    memcpy(tensors, random->tensors, sizeof tensors);
    tensors[i] = tensor;
    expect(expected, word, &random->config, tensors, random->tensor_count);
}

/* ------------------------------------------------------------------ each tensor in turn */

static bool contains(const struct rwkv_tensor *tensor, const char *part) { return strstr(tensor->name, part) != NULL; }

static void test_missing(const struct random_model *random, uint64_t i) {
    const struct rwkv_tensor *tensor = &random->tensors[i];
    struct rwkv_tensor tensors[MAX_TENSORS];
    memcpy(tensors, random->tensors, sizeof tensors);
    tensors[i] = tensors[random->tensor_count - 1];
    const char *word = tensor->name;
    if (contains(tensor, "gate")) word = "time_mix_lerp_fused";                    /* 5 without it has one lerp less */
    if (contains(tensor, "token_embd_norm.weight")) word = "token_embd_norm.bias"; /* unexpected without the weight */
    if (contains(tensor, "lerp_fused") && random->shape.version == 6) word = "time_mix_lerp_w"; /* as in older files */
    if (contains(tensor, "gate") && random->shape.version == 6) word = tensor->name;
    expect(RWKV_ERROR_MODEL, word, &random->config, tensors, random->tensor_count - 1);
}

static void test_twice(const struct random_model *random, uint64_t i) {
    struct rwkv_tensor tensors[MAX_TENSORS + 1];
    memcpy(tensors, random->tensors, random->tensor_count * sizeof *tensors);
    tensors[random->tensor_count] = tensors[i];
    expect(RWKV_ERROR_MODEL, tensors[i].name, &random->config, tensors, random->tensor_count + 1);
}

static void test_length(const struct random_model *random, uint64_t i) {
    const uint64_t right = random->tensors[i].bytes, wrong[] = {0, right - 1, right + 1, right / 2, UINT64_MAX};
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
        struct rwkv_tensor tensor = random->tensors[i];
        tensor.bytes = wrong[w];
        expect_of_tensor(RWKV_ERROR_MODEL, tensor.name, random, i, tensor);
    }
    struct rwkv_tensor tensor = random->tensors[i];
    tensor.data = NULL;
    expect_of_tensor(RWKV_ERROR_MODEL, tensor.name, random, i, tensor);
}

static void test_type(const struct random_model *random, uint64_t i) {
    static const uint32_t unknown[] = {4, 5, 9, 14 + 1, 19, 21, 24, 29, 31, 1000, UINT32_MAX};
    for (size_t w = 0; w < sizeof unknown / sizeof *unknown; w++) {
        struct rwkv_tensor tensor = random->tensors[i];
        tensor.type = unknown[w];
        expect_of_tensor(RWKV_ERROR_UNSUPPORTED, tensor.name, random, i, tensor);
    }
}

/* Tensors that tell a size: if they are wrong another one that does not fit may be blamed. */
static bool tells_a_size(const struct rwkv_tensor *tensor) {
    static const char *const names[] = {
        "token_embd.weight", "blk.0.channel_mix_key", "blk.0.time_mix_first", "_w1.", "_a1.", "_v1.", "_g1."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (contains(tensor, names[i])) return true;
    return false;
}

static void test_dimension(const struct random_model *random, uint64_t i, uint32_t dimension, uint64_t size) {
    struct rwkv_tensor tensor = random->tensors[i];
    const struct rwkv_type_info info = type_info(tensor.type);
    tensor.dims[dimension] = size;
    tensor.bytes = info.block_bytes; /* what its shape asks for, so that nothing but the shape is wrong; or nearly */
    for (uint32_t d = 0; d < tensor.dim_count; d++)
        tensor.bytes *= d == 0 ? tensor.dims[d] / info.block_elements : tensor.dims[d];
    const bool too_large = size == UINT64_C(1) << 32 && (contains(&tensor, "token_embd.weight") ||
                                                         (contains(&tensor, "blk.0.channel_mix_key") && dimension));
    expect_of_tensor(too_large ? RWKV_ERROR_UNSUPPORTED : RWKV_ERROR_MODEL, tells_a_size(&tensor) ? "" : tensor.name,
                     random, i, tensor);
}

static void test_shape(const struct random_model *random, uint64_t i) {
    const struct rwkv_tensor *right = &random->tensors[i];
    for (uint32_t d = 0; d < right->dim_count; d++) {
        const uint64_t n = right->dims[d], wrong[] = {0,
                                                      n + type_info(right->type).block_elements,
                                                      n * 2,
                                                      UINT64_C(1) << 32,
                                                      UINT64_C(1) << 61,
                                                      UINT64_C(1) << 62,
                                                      UINT64_C(1) << 63,
                                                      UINT64_MAX,
                                                      UINT64_MAX / n,
                                                      UINT64_MAX / n + 1};
        for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++)
            if (wrong[w] != n) test_dimension(random, i, d, wrong[w]);
    }
    static const uint32_t counts[] = {0, 5, UINT32_MAX};
    for (size_t w = 0; w < sizeof counts / sizeof *counts; w++) {
        struct rwkv_tensor tensor = *right;
        tensor.dim_count = counts[w];
        expect_of_tensor(RWKV_ERROR_MODEL, tensor.name, random, i, tensor);
    }
}

/* Sizes whose product is a small number, modulo 2^64. */
static void test_overflow(const struct random_model *random, uint64_t i) {
    static const uint64_t dims[][4] = {{UINT64_C(1) << 32, UINT64_C(1) << 32, 1, 1},
                                       {UINT64_C(1) << 16, UINT64_C(1) << 16, UINT64_C(1) << 16, UINT64_C(1) << 16},
                                       {UINT64_C(1) << 63, 2, 1, 1},
                                       {UINT64_C(1) << 62, 4, 1, 1},
                                       {UINT64_C(0x5555555555555560), 3, 1, 1}};
    for (size_t w = 0; w < sizeof dims / sizeof *dims; w++) {
        struct rwkv_tensor tensor = random->tensors[i];
        memcpy(tensor.dims, dims[w], sizeof tensor.dims);
        tensor.dim_count = 4;
        for (int bytes = 0; bytes <= 128; bytes += 32) {
            tensor.bytes = (uint64_t)bytes;
            expect_of_tensor(RWKV_ERROR_MODEL, tells_a_size(&tensor) ? "" : tensor.name, random, i, tensor);
        }
    }
}

static bool is_unused(const struct random_model *random, uint64_t i) {
    return random->shape.version == 7 && contains(&random->tensors[i], "blk.0.time_mix_v") &&
           !contains(&random->tensors[i], "value");
}

static void test_each_tensor(const struct random_model *random) {
    for (uint64_t i = 0; i < random->tensor_count; i++) {
        test_twice(random, i);
        struct rwkv_tensor tensor = random->tensors[i];
        tensor.name = NULL;
        expect_of_tensor(RWKV_ERROR_ARGUMENT, "name", random, i, tensor);
        if (is_unused(random, i)) continue;
        test_missing(random, i);
        test_length(random, i);
        test_type(random, i);
        test_shape(random, i);
        test_overflow(random, i);
    }
}

/* ------------------------------------------------------------------ the table as a whole */

static void test_unexpected(const struct random_model *random) {
    static const char *const names[] = {
        "blk.0.attn_q.weight",      "blk.99.attn_norm.weight", "output_norm.weights",    "",
        "blk.0.time_mix_k.weightx", "rope_freqs.weight",       "blk.00.attn_norm.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct rwkv_tensor tensors[MAX_TENSORS + 1];
        memcpy(tensors, random->tensors, random->tensor_count * sizeof *tensors);
        tensors[random->tensor_count] = random->tensors[0];
        tensors[random->tensor_count].name = names[i];
        expect(RWKV_ERROR_MODEL, names[i], &random->config, tensors, random->tensor_count + 1);
    }
}

static bool is_valid_utf8(const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int more = *c < 0x80 ? 0 : *c >= 0xF0 ? 3 : *c >= 0xE0 ? 2 : *c >= 0xC0 ? 1 : -1;
        if (more < 0) return false;
        for (c++; more > 0; more--, c++)
            if ((*c & 0xC0) != 0x80) return false;
    }
    return true;
}

/* However long a name is, the message is whole characters. */
static void test_long_name(const struct random_model *random) {
    for (size_t lead = 0; lead < 3; lead++) {
        char name[1000] = "";
        memset(name, 'x', lead);
        while (strlen(name) + 4 < sizeof name) strcat(name, "\xE2\x82\xAC"); /* the euro sign, three bytes */
        struct rwkv_tensor tensors[MAX_TENSORS + 1];
        memcpy(tensors, random->tensors, random->tensor_count * sizeof *tensors);
        tensors[random->tensor_count] = random->tensors[0];
        tensors[random->tensor_count].name = name;
        struct rwkv_model *model;
        struct rwkv_error error = {0};
        CHECK(rwkv_model_create(&random->config, tensors, random->tensor_count + 1, &model, &error) == RWKV_ERROR_MODEL,
              "unexpected tensor");
        CHECK(strlen(error.message) > 500 && is_valid_utf8(error.message), "%s", error.message);
    }
}

static void test_arguments(const struct random_model *random) {
    const uint64_t count = random->tensor_count;
    expect(RWKV_ERROR_ARGUMENT, "config is NULL", NULL, random->tensors, count);
    expect(RWKV_ERROR_ARGUMENT, "tensors is NULL", &random->config, NULL, count);
    expect(RWKV_ERROR_ARGUMENT, "tensor_count is 0", &random->config, random->tensors, 0);
    expect(RWKV_ERROR_MEMORY, "table", &random->config, random->tensors, UINT64_MAX);
    expect(RWKV_ERROR_MEMORY, "table", &random->config, random->tensors, UINT64_MAX / 16 + 2);
    struct rwkv_error error = {0};
    CHECK(rwkv_model_create(&random->config, random->tensors, count, NULL, &error) == RWKV_ERROR_ARGUMENT, "model");
    CHECK(strstr(error.message, "model is NULL"), "%s", error.message);
    struct rwkv_model *model;
    CHECK(rwkv_model_create(NULL, random->tensors, count, &model, NULL) == RWKV_ERROR_ARGUMENT, "no error wanted");
    rwkv_model_free(NULL);
}

/* ------------------------------------------------------------------ the configuration */

static void expect_of_config(enum rwkv_status expected, const char *word, const struct random_model *random,
                             struct rwkv_model_config config) {
    expect(expected, word, &config, random->tensors, random->tensor_count);
}

static void test_config(const struct random_model *random) {
    static const uint32_t versions[] = {0, 1, 3, 8, UINT32_MAX};
    struct rwkv_model_config config;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        config = random->config;
        config.version = versions[i];
        expect_of_config(RWKV_ERROR_UNSUPPORTED, "version", random, config);
    }
    config = random->config;
    config.struct_size = 0;
    expect_of_config(RWKV_ERROR_ARGUMENT, "struct_size", random, config);
    config.struct_size = offsetof(struct rwkv_model_config, layer_count); /* which then is the default, 0 */
    expect_of_config(RWKV_ERROR_ARGUMENT, "layer_count", random, config);
    config = random->config;
    config.layer_count = 0;
    expect_of_config(RWKV_ERROR_ARGUMENT, "layer_count", random, config);
    config.layer_count = random->config.layer_count + 1;
    expect_of_config(RWKV_ERROR_MODEL, "is missing", random, config);
    config.layer_count = UINT32_MAX;
    expect_of_config(RWKV_ERROR_MODEL, "layers", random, config);
    if (random->config.layer_count > 1) {
        config.layer_count = random->config.layer_count - 1;
        expect_of_config(RWKV_ERROR_MODEL, "unexpected tensor blk.", random, config);
    }
    static const float epsilons[] = {-1e-5f, NAN, -INFINITY};
    for (size_t i = 0; i < sizeof epsilons / sizeof *epsilons; i++) {
        config = random->config;
        config.layer_norm_epsilon = epsilons[i];
        expect_of_config(RWKV_ERROR_ARGUMENT, "epsilon", random, config);
        config = random->config;
        config.group_norm_epsilon = epsilons[i];
        expect_of_config(RWKV_ERROR_ARGUMENT, "epsilon", random, config);
    }
}

static void test_sizes(const struct random_model *random) {
    const struct shape *shape = &random->shape;
    const uint32_t wrong[] = {1, shape->width + 1, shape->hidden + 1, shape->vocabulary + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct rwkv_model_config config = random->config;
        config.width = wrong[i];
        if (wrong[i] != shape->width) expect_of_config(RWKV_ERROR_MODEL, "width", random, config);
        config = random->config;
        config.channel_mix_width = wrong[i];
        if (wrong[i] != shape->hidden) expect_of_config(RWKV_ERROR_MODEL, "channel-mix width", random, config);
        config = random->config;
        config.vocabulary_size = wrong[i];
        if (wrong[i] != shape->vocabulary) expect_of_config(RWKV_ERROR_MODEL, "vocabulary", random, config);
    }
    if (shape->version == 4) return;
    static const uint32_t head_sizes[] = {7, 1000, UINT32_MAX}; /* none divides a width */
    for (size_t i = 0; i < sizeof head_sizes / sizeof *head_sizes; i++) {
        struct rwkv_model_config config = random->config;
        config.head_size = head_sizes[i];
        expect_of_config(RWKV_ERROR_MODEL, "head", random, config);
    }
    struct rwkv_model_config config = random->config;
    config.head_size = 0;
    if (shape->version == 7) expect_of_config(RWKV_ERROR_ARGUMENT, "head_size", random, config);
}

/* Without a head size in the configuration it comes from a tensor, which may say anything. */
static void test_head_size_of_tensors(const struct random_model *random) {
    if (random->shape.version != 5 && random->shape.version != 6) return;
    struct random_model copy = *random;
    copy.config.head_size = 0;
    struct rwkv_model *model = random_model_create(&copy);
    CHECK(model_info(model).head_size == random->shape.head_size, "%u", (unsigned)model_info(model).head_size);
    rwkv_model_free(model);
    const uint64_t first = random_model_find(random, 0, "time_mix_first.weight");
    static const uint64_t wrong[] = {0, 7, UINT64_C(1) << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct rwkv_tensor tensor = random->tensors[first];
        tensor.dims[0] = wrong[i];
        expect_of_tensor(RWKV_ERROR_MODEL, "time_mix_first", &copy, first, tensor);
    }
}

/* ------------------------------------------------------------------ what is accepted */

/* An older caller's struct is shorter, a newer one's longer. */
static void test_struct_sizes(const struct random_model *random) {
    struct {
        struct rwkv_model_config known;
        char newer[40];
    } config = {.known = random->config};
    memset(config.newer, 0xA5, sizeof config.newer);
    config.known.struct_size = sizeof config;
    struct rwkv_model *model = NULL;
    struct rwkv_error error = {0};
    CHECK(rwkv_model_create(&config.known, random->tensors, random->tensor_count, &model, &error) == RWKV_OK, "%s",
          error.message);
    rwkv_model_free(model);

    struct rwkv_model_config shorter = random->config;
    shorter.struct_size = offsetof(struct rwkv_model_config, rescale_every);
    void *room = check_allocate(shorter.struct_size);
    memcpy(room, &shorter, shorter.struct_size);
    CHECK(rwkv_model_create(room, random->tensors, random->tensor_count, &model, &error) == RWKV_OK, "%s",
          error.message);
    free(room);
    rwkv_model_free(model);
}

static void test_info_arguments(const struct random_model *random) {
    struct rwkv_model *model = random_model_create(random);
    struct rwkv_model_info info = {.struct_size = offsetof(struct rwkv_model_info, channel_mix_width)};
    void *room = check_allocate(info.struct_size);
    memcpy(room, &info, info.struct_size);
    CHECK(rwkv_model_info(model, room, NULL) == RWKV_OK, "a shorter struct");
    memcpy(&info, room, info.struct_size);
    CHECK(info.version == random->shape.version && info.width == random->shape.width, "a shorter struct");
    free(room);
    CHECK(rwkv_model_info(NULL, &info, NULL) == RWKV_ERROR_ARGUMENT, "NULL");
    CHECK(rwkv_model_info(model, NULL, NULL) == RWKV_ERROR_ARGUMENT, "NULL");
    info.struct_size = 0;
    CHECK(rwkv_model_info(model, &info, NULL) == RWKV_ERROR_ARGUMENT, "struct_size 0");
    rwkv_model_free(model);
}

static void test_info(const struct random_model *random) {
    const struct shape *shape = &random->shape;
    struct rwkv_model *model = random_model_create(random);
    const struct rwkv_model_info info = model_info(model);
    CHECK(info.version == shape->version && info.layer_count == shape->layers && info.width == shape->width &&
              info.channel_mix_width == shape->hidden && info.vocabulary_size == shape->vocabulary,
          "sizes of %s", shape_text(shape));
    CHECK(info.head_size == shape->head_size, "%u", (unsigned)info.head_size);
    CHECK(info.head_count == (shape->head_size ? shape->width / shape->head_size : 0), "%u", (unsigned)info.head_count);
    uint64_t elements = 0;
    for (uint64_t i = 0; i < random->tensor_count; i++) {
        const uint64_t *dims = random->tensors[i].dims;
        uint64_t product = 1;
        for (uint32_t d = 0; d < random->tensors[i].dim_count; d++) product *= dims[d];
        if (!is_unused(random, i)) elements += product;
    }
    CHECK(info.parameter_count == elements, "%" PRIu64 " parameters, not %" PRIu64, info.parameter_count, elements);
    rwkv_model_free(model);
}

int main(void) {
    for (int i = 0; i < ODD_SHAPES; i++) {
        struct random_model random = random_model_make(&odd_shapes[i]);
        tested = &random;
        test_info(&random);
        test_info_arguments(&random);
        test_struct_sizes(&random);
        test_head_size_of_tensors(&random);
        test_arguments(&random);
        test_config(&random);
        test_sizes(&random);
        test_unexpected(&random);
        test_long_name(&random);
        test_each_tensor(&random);
        random_model_free(&random);
    }
    return check_result();
}
