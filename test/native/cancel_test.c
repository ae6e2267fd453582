/* Cancellation: before, and at any moment from another thread. */
#include "cpu/thread.h"
#include "random_model.h"

#include <stdatomic.h>

#define TEXTS 3
#define TOKENS 150
#define CHUNK 7

struct fixture {
    struct rwkv_model *model;
    struct rwkv_context *context;
    uint32_t tokens[TEXTS][TOKENS];
};

static struct rwkv_sequence sequence_of(const struct fixture *fixture, struct rwkv_state *state, int text,
                                        uint64_t tokens) {
    return (struct rwkv_sequence){.state = state, .tokens = fixture->tokens[text], .token_count = tokens};
}

/* The states are those of feeding just the tokens that `evaluated` says, bit for bit: in the same chunks. */
static void check_states(const struct fixture *fixture, struct rwkv_state **states, const uint64_t *evaluated) {
    const uint64_t floats = model_info(fixture->model).state_floats;
    struct rwkv_state *expected[TEXTS];
    struct rwkv_sequence sequences[TEXTS];
    uint32_t count = 0;
    for (int i = 0; i < TEXTS; i++) {
        expected[i] = create_state(fixture->model);
        if (evaluated[i] > 0) sequences[count++] = sequence_of(fixture, expected[i], i, evaluated[i]);
    }
    if (count > 0) evaluate_batch(fixture->context, sequences, count);
    for (int i = 0; i < TEXTS; i++) {
        float *x = state_values(fixture->model, states[i]), *y = state_values(fixture->model, expected[i]);
        CHECK(memcmp(x, y, floats * sizeof *x) == 0, "the state of text %d is not that after %" PRIu64 " tokens", i,
              evaluated[i]);
        free(x);
        free(y);
        rwkv_state_free(expected[i]);
    }
}

/* Evaluates all texts, and returns how many tokens of them were evaluated. */
static uint64_t evaluate(const struct fixture *fixture, const int32_t *cancel) {
    struct rwkv_state *states[TEXTS];
    struct rwkv_sequence sequences[TEXTS];
    for (int i = 0; i < TEXTS; i++) {
        states[i] = create_state(fixture->model);
        sequences[i] = sequence_of(fixture, states[i], i, TOKENS);
    }
    const struct rwkv_batch batch = {
        .struct_size = sizeof batch, .sequence_count = TEXTS, .sequences = sequences, .cancel = cancel};
    uint64_t evaluated[TEXTS] = {77, 77, 77}, total = 0;
    struct rwkv_error error = {0};
    const enum rwkv_status status = rwkv_evaluate(fixture->context, &batch, evaluated, &error);
    for (int i = 0; i < TEXTS; i++) total += evaluated[i];
    CHECK(status == (total == TEXTS * TOKENS ? RWKV_OK : RWKV_ERROR_CANCELLED), "status %d after %" PRIu64 " tokens",
          (int)status, total);
    if (status != RWKV_OK)
        CHECK(error.status == RWKV_ERROR_CANCELLED && strstr(error.message, "cancelled"), "%s", error.message);
    check_states(fixture, states, evaluated);
    for (int i = 0; i < TEXTS; i++) rwkv_state_free(states[i]);
    return total;
}

struct canceller {
    atomic_bool go;
    uint64_t delay; /* in nanoseconds */
    int32_t cancel;
};

static void cancel_later(void *argument) {
    struct canceller *canceller = argument;
    while (!atomic_load(&canceller->go)) thread_pause();
    const uint64_t start = thread_nanoseconds();
    while (thread_nanoseconds() - start < canceller->delay) thread_pause();
    __atomic_store_n(&canceller->cancel, 1, __ATOMIC_RELAXED);
}

/* At moments that are spread over the whole evaluation, until it was in its midst often enough. */
static void test_from_another_thread(const struct fixture *fixture) {
    uint64_t duration = UINT64_MAX; /* the shortest: whoever stalls the machine once must not set the pace */
    for (int i = 0; i < 3; i++) {
        const uint64_t start = thread_nanoseconds();
        CHECK(evaluate(fixture, NULL) == TEXTS * TOKENS, "not cancelled");
        const uint64_t now = thread_nanoseconds() - start;
        if (now < duration) duration = now;
    }
    int in_the_midst = 0;
    for (int i = 0; i < 100 && in_the_midst < 5; i++) {
        struct canceller canceller = {.delay = duration / 2 * (check_random() % 64) / 64};
        struct thread thread;
        const bool started = thread_start(&thread, cancel_later, &canceller);
        CHECK(started, "no thread");
        if (!started) return;
        atomic_store(&canceller.go, true);
        const uint64_t tokens = evaluate(fixture, &canceller.cancel);
        if (tokens > 0 && tokens < TEXTS * TOKENS) in_the_midst++;
        thread_join(&thread);
    }
    CHECK(in_the_midst == 5, "cancelled in its midst %d times only", in_the_midst);
}

int main(void) {
    static const int shapes[] = {1, 3, 4, 6}; /* a version each */
    for (int i = 0; i < 4; i++) {
        struct random_model random = random_model_make(&odd_shapes[shapes[i]]);
        struct fixture fixture = {.model = random_model_create(&random)};
        fixture.context = create_context(fixture.model, 2, CHUNK);
        for (int text = 0; text < TEXTS; text++)
            for (int t = 0; t < TOKENS; t++) fixture.tokens[text][t] = check_random() % random.shape.vocabulary;

        CHECK(evaluate(&fixture, &(int32_t){0}) == TEXTS * TOKENS, "nobody cancelled");
        CHECK(evaluate(&fixture, &(int32_t){1}) == 0, "cancelled before");
        CHECK(evaluate(&fixture, &(int32_t){INT32_MIN}) == 0, "cancelled before");
        test_from_another_thread(&fixture);

        rwkv_context_free(fixture.context);
        rwkv_model_free(fixture.model);
        random_model_free(&random);
    }
    return check_result();
}
