/*
 * Running out of memory: the functions that create something are called with the first, the second, … of their
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
        rwkv_model_free(model);
        CHECK(in_use == before, "%ld not freed", in_use - before);
        random_model_free(&random);
    }
    return check_result();
}
