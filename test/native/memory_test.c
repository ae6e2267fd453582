/*
 * Running out of memory: the functions that allocate are called with the first, the second, … of their
 * allocations failing, until they succeed. Each failure must be told, and all that was allocated be free again.
 * Linked so that the library's malloc, calloc and free are those below (ld --wrap).
 */
#include <stdatomic.h>

#include "random_model.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void __real_free(void *memory);

/* A thread of the pool frees what its creator allocated. */
static atomic_ulong allocations, failing = -1ul;
static atomic_long in_use;

static bool fails(void) { return allocations++ == failing; }

static void *counted(void *memory) {
    if (memory) in_use++;
    return memory;
}

void *__wrap_malloc(size_t bytes) { return fails() ? NULL : counted(__real_malloc(bytes)); }

void *__wrap_calloc(size_t count, size_t bytes) { return fails() ? NULL : counted(__real_calloc(count, bytes)); }

void __wrap_free(void *memory) {
    if (memory) in_use--;
    __real_free(memory);
}

typedef enum rwkv_status create(const void *of, void **result, struct rwkv_error *error);

static enum rwkv_status create_model(const void *of, void **result, struct rwkv_error *error) {
    const struct random_model *random = of;
    return rwkv_model_create(&random->config, random->tensors, random->tensor_count, (struct rwkv_model **)result,
                             error);
}

static enum rwkv_status create_a_state(const void *of, void **result, struct rwkv_error *error) {
    return rwkv_state_create(of, (struct rwkv_state **)result, error);
}

static enum rwkv_status create_three_threads(const void *of, void **result, struct rwkv_error *error) {
    const struct rwkv_context_config config = {.struct_size = sizeof config, .thread_count = 3};
    return rwkv_context_create(of, &config, (struct rwkv_context **)result, error);
}

/* What calibrates the head of a model. */
struct calibrated_head {
    const struct rwkv_model *original, *rounded;
    struct rwkv_calibration *calibration;
    uint64_t width;
    float *sums, *drift; /* [width][width] */
};

static enum rwkv_status create_a_calibration(const void *of, void **result, struct rwkv_error *error) {
    static const uint32_t tokens[] = {1, 0, 2};
    const struct calibrated_head *head = of;
    const struct rwkv_context_config config = {.struct_size = sizeof config, .thread_count = 2, .chunk_tokens = 2};
    return rwkv_calibration_create(head->original, head->rounded, &config, tokens, 3,
                                   (struct rwkv_calibration **)result, error);
}

static enum rwkv_status watch(const void *of, void **result, struct rwkv_error *error) {
    const struct calibrated_head *head = of;
    *result = NULL;
    return rwkv_calibration_watch(head->calibration, "output.weight", UINT32_MAX, head->sums, head->drift,
                                  head->width * head->width, error);
}

static enum rwkv_status prepare(const void *of, void **result, struct rwkv_error *error) {
    const struct calibrated_head *head = of;
    *result = NULL;
    return rwkv_feedback_prepare(head->sums, head->drift, head->width, UINT32_MAX, error);
}

static enum rwkv_status encode(const void *of, void **result, struct rwkv_error *error) {
    const struct calibrated_head *head = of;
    float row[32] = {0};
    char block[34];
    *result = NULL;
    return rwkv_encode_feedback(RWKV_TYPE_Q8_0, row, 32, head->sums, head->drift, 32, 32, block, sizeof block, error);
}

/* What is made once nothing fails. */
static void *test(const char *what, create *create, const void *of, bool has_threads) {
    const long before = in_use;
    for (unsigned long n = 0;; n++) {
        void *result = &result;
        struct rwkv_error error = {0};
        allocations = 0;
        failing = n;
        const enum rwkv_status status = create(of, &result, &error);
        failing = -1ul;
        if (status == RWKV_OK) {
            printf("%s: %lu allocations\n", what, n);
            CHECK(n > 0 && allocations == n, "%s succeeded although an allocation failed", what);
            return result;
        }
        CHECK(status == RWKV_ERROR_MEMORY || (has_threads && status == RWKV_ERROR_THREAD), "%s, allocation %lu: %s",
              what, n, rwkv_status_name(status)); /* the system needs memory for a thread as well */
        CHECK(error.status == (int32_t)status && error.message[0] && result == NULL, "%s: %s", what, error.message);
        CHECK(in_use == before, "%s, allocation %lu: %ld not freed", what, n, in_use - before);
    }
}

static void test_calibration(struct random_model *random, const struct rwkv_model *model) {
    random->config.dense = 1;
    struct rwkv_model *rounded = random_model_create(random);
    const uint64_t width = random->shape.width, bytes = width * width * sizeof(float);
    struct calibrated_head head = {.original = model,
                                   .rounded = rounded,
                                   .width = width,
                                   .sums = check_allocate(bytes),
                                   .drift = check_allocate(bytes)};
    memset(head.sums, 0, bytes);
    memset(head.drift, 0, bytes);
    head.calibration = test("calibration", create_a_calibration, &head, true);
    test("watch", watch, &head, false);
    struct rwkv_error error = {0};
    allocations = 0;
    CHECK(rwkv_calibration_read(head.calibration, random->shape.layers, 0, &error) == RWKV_OK, "%s", error.message);
    CHECK(allocations == 0, "reading allocates");
    CHECK(head.sums[0] > 0, "nothing was watched");
    rwkv_calibration_free(head.calibration);
    test("prepare", prepare, &head, false);
    if (width >= 32) test("encode", encode, &head, false);
    free(head.sums);
    free(head.drift);
    rwkv_model_free(rounded);
}

int main(void) {
    for (int i = 0; i < ODD_SHAPES; i++) {
        struct random_model random = random_model_make(&odd_shapes[i]);
        const long before = in_use;
        struct rwkv_model *model = test("model", create_model, &random, true);
        struct rwkv_state *state = test("state", create_a_state, model, false);
        struct rwkv_context *context = test("context", create_three_threads, model, true);
        const uint32_t token = 1;
        allocations = 0;
        feed(context, state, &token, 1, RWKV_LOGITS_NONE, NULL, 0);
        CHECK(allocations == 1, "an evaluation allocates"); /* the one is that of feed */
        rwkv_context_free(context);
        rwkv_state_free(state);
        test_calibration(&random, model);
        rwkv_model_free(model);
        CHECK(in_use == before, "%ld not freed", in_use - before);
        random_model_free(&random);
    }
    return check_result();
}
