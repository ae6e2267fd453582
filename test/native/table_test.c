/*
 * Random tables of tensors: a good one with some random changes. Whatever they are, rwkv_model_create either says what
 * is wrong or makes a model that can be used, and a sanitizer finds nothing. The same tables in every run; with an
 * argument, that many thousand of them from another seed.
 */
#include "random_model.h"

#include <time.h>

#define TABLES 8000
#define TOKENS 5

struct table {
    struct rwkv_model_config config;
    uint64_t count;
    struct rwkv_tensor tensors[MAX_TENSORS];
};

static uint32_t below(uint64_t n) { return (uint32_t)(check_random() % n); }

static struct rwkv_tensor *any_tensor(struct table *table) { return &table->tensors[below(table->count)]; }

/* A size that may break something. */
static uint64_t any_size(uint64_t right) {
    switch (below(8)) {
    case 0: return 0;
    case 1: return right + 1;
    case 2: return right - 1;
    case 3: return right * 2;
    case 4: return UINT64_C(1) << below(64);
    case 5: return (UINT64_C(1) << below(64)) - 1;
    case 6: return UINT64_MAX / (right ? right : 1) + 1;
    default: return below(300);
    }
}

/* ------------------------------------------------------------------ changes */

static void change_dimension(struct table *table) {
    struct rwkv_tensor *tensor = any_tensor(table);
    uint64_t *size = &tensor->dims[below(tensor->dim_count < 4 ? tensor->dim_count + 1 : 4)];
    *size = any_size(*size);
}

static void change_dimension_count(struct table *table) {
    any_tensor(table)->dim_count = below(4) ? below(6) : check_random();
}

/* Other dimensions of as many elements. */
static void regroup(struct table *table) {
    struct rwkv_tensor *tensor = any_tensor(table);
    const uint32_t from = below(4), to = below(4);
    while (tensor->dim_count < 4) tensor->dims[tensor->dim_count++] = 1;
    if (below(2)) {
        const uint64_t size = tensor->dims[from];
        tensor->dims[from] = tensor->dims[to];
        tensor->dims[to] = size;
    } else if (tensor->dims[from] % 2 == 0 && from != to) {
        tensor->dims[from] /= 2;
        tensor->dims[to] *= 2;
    }
}

static void change_type(struct table *table) {
    any_tensor(table)->type = below(4) ? all_types[below(ALL_TYPES)] : below(3) ? below(40) : check_random();
}

/* Never more than there are, except what no tensor can have. */
static void change_bytes(struct table *table) {
    struct rwkv_tensor *tensor = any_tensor(table);
    tensor->bytes = tensor->bytes && below(4) ? below(tensor->bytes) : UINT64_MAX - below(2);
}

/* Another type or shape, and the length that goes with it where the memory has it. */
static void change_in_agreement(struct table *table) {
    struct rwkv_tensor *tensor = any_tensor(table);
    const uint64_t available = tensor->bytes;
    if (below(2)) tensor->type = all_types[below(ALL_TYPES)];
    if (below(2)) tensor->dims[below(2)] = below(64);
    const struct rwkv_type_info *known = NULL, info = {.struct_size = sizeof info};
    struct rwkv_type_info filled = info;
    if (rwkv_type_info(tensor->type, &filled, NULL) == RWKV_OK) known = &filled;
    if (!known || available > UINT32_MAX) return;
    uint64_t bytes = known->block_bytes;
    for (uint32_t d = 0; d < tensor->dim_count && d < 4; d++) {
        const uint64_t n = d == 0 ? tensor->dims[d] / known->block_elements : tensor->dims[d];
        if (n > available) return;
        bytes *= n;
        if (bytes > available) return;
    }
    tensor->bytes = bytes;
}

static void change_name(struct table *table) {
    struct rwkv_tensor *tensor = any_tensor(table), *other = any_tensor(table);
    const char *name = tensor->name;
    switch (below(4)) {
    case 0: tensor->name = NULL; return;
    case 1: tensor->name = "blk.4294967295.attn_norm.weight"; return;
    case 2: tensor->name = other->name; return;
    default: /* each has the other's shape and data */
        tensor->name = other->name;
        other->name = name;
        return;
    }
}

static void remove_tensor(struct table *table) {
    if (table->count > 1) *any_tensor(table) = table->tensors[--table->count];
}

static void repeat_tensor(struct table *table) {
    if (table->count < MAX_TENSORS) table->tensors[table->count++] = *any_tensor(table);
}

static void remove_data(struct table *table) { any_tensor(table)->data = NULL; }

static void change_config(struct table *table) {
    uint32_t *const sizes[] = {&table->config.struct_size,       &table->config.version,
                               &table->config.layer_count,       &table->config.width,
                               &table->config.channel_mix_width, &table->config.vocabulary_size,
                               &table->config.head_size,         &table->config.rescale_every};
    const uint32_t i = below(sizeof sizes / sizeof *sizes);
    *sizes[i] = i == 0 ? below(sizeof table->config + 1) : (uint32_t)any_size(*sizes[i]);
}

static void change(struct table *table) {
    static void (*const changes[])(struct table *) = {
        change_dimension,    change_dimension_count, regroup,      change_type,   change_bytes,
        change_in_agreement, change_in_agreement,    change_name,  remove_tensor, repeat_tensor,
        remove_data,         change_config,          change_config};
    changes[below(sizeof changes / sizeof *changes)](table);
}

/* ------------------------------------------------------------------ what is made of them */

/* Any numbers are allowed to come out. */
static void use(const struct rwkv_model *model) {
    const struct rwkv_model_info info = model_info(model);
    const uint64_t floats = (uint64_t)info.vocabulary_size * TOKENS;
    float *logits = check_allocate(floats * sizeof *logits);
    uint32_t tokens[TOKENS];
    for (int i = 0; i < TOKENS; i++) tokens[i] = below(info.vocabulary_size);
    struct rwkv_context *context = create_context(model, 1, 4);
    struct rwkv_state *state = create_state(model);
    feed(context, state, tokens, TOKENS, RWKV_LOGITS_ALL, logits, floats);
    rwkv_state_free(state);
    rwkv_context_free(context);
    free(logits);
}

static unsigned long statuses[RWKV_ERROR_CANCELLED + 1];

static void test(const struct random_model *random) {
    struct table table = {.config = random->config, .count = random->tensor_count};
    memcpy(table.tensors, random->tensors, sizeof table.tensors);
    if (below(2) && table.config.version < 7) table.config.head_size = 0; /* then tensors tell it */
    for (uint32_t changes = 1 + below(3); changes > 0; changes--) change(&table);
    struct rwkv_model *model = NULL;
    struct rwkv_error error = {0};
    const enum rwkv_status status = rwkv_model_create(&table.config, table.tensors, table.count, &model, &error);
    statuses[status]++;
    if (status == RWKV_OK) {
        use(model);
        rwkv_model_free(model);
        return;
    }
    CHECK(!model && error.status == (int32_t)status && error.message[0], "status %d: %s", (int)status, error.message);
    CHECK(status == RWKV_ERROR_MODEL || status == RWKV_ERROR_ARGUMENT || status == RWKV_ERROR_UNSUPPORTED,
          "status %d: %s", (int)status, error.message);
}

int main(int argc, char **argv) {
    const unsigned long tables = argc > 1 ? 1000 * strtoul(argv[1], NULL, 10) : TABLES;
    if (argc > 1) check_random_state ^= (uint64_t)time(NULL) << 20;
    struct random_model models[2 * ODD_SHAPES];
    for (int i = 0; i < 2 * ODD_SHAPES; i++) {
        struct shape shape = odd_shapes[i / 2];
        shape.matrix_type = shape.ends_type = i % 2 ? MIXED_TYPES : RWKV_TYPE_F32;
        models[i] = random_model_make(&shape);
    }
    for (unsigned long i = 0; i < tables; i++) test(&models[below(2 * ODD_SHAPES)]);
    for (int i = 0; i < 2 * ODD_SHAPES; i++) random_model_free(&models[i]);
    for (int i = 0; i <= RWKV_ERROR_CANCELLED; i++) printf("%s: %lu\n", rwkv_status_name(i), statuses[i]);
    const unsigned long good = statuses[RWKV_OK];
    CHECK(good > tables / 100 && good < tables / 2, "%lu of %lu tables are good", good, tables);
    return check_result();
}
