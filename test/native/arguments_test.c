/* What contexts and evaluations refuse: and that nothing has been evaluated then. */
#include <stddef.h>

#include "random_model.h"

#define TOKENS 4

/* ------------------------------------------------------------------ contexts */

static void expect_no_context(const char *word, const struct rwkv_model *model,
                              const struct rwkv_context_config *config) {
    struct rwkv_context *context = (struct rwkv_context *)&context;
    struct rwkv_error error = {0};
    CHECK(rwkv_context_create(model, config, &context, &error) == RWKV_ERROR_ARGUMENT, "%s", word);
    CHECK(context == NULL && error.status == RWKV_ERROR_ARGUMENT && strstr(error.message, word), "%s: %s", word,
          error.message);
}

static void test_context_arguments(const struct rwkv_model *model) {
    struct rwkv_context_config config = {.struct_size = sizeof config};
    expect_no_context("NULL", NULL, &config);
    expect_no_context("struct_size", model, &(struct rwkv_context_config){.thread_count = 1});
    expect_no_context("thread_count is 4294967295", model,
                      &(struct rwkv_context_config){.struct_size = sizeof config, .thread_count = UINT32_MAX});
    expect_no_context("chunk_tokens is 4294967295", model,
                      &(struct rwkv_context_config){.struct_size = sizeof config, .chunk_tokens = UINT32_MAX});
    CHECK(rwkv_context_create(model, &config, NULL, NULL) == RWKV_ERROR_ARGUMENT, "NULL");
    rwkv_context_free(NULL);
}

static void expect_context(const struct rwkv_model *model, const struct rwkv_context_config *config, uint32_t threads,
                           uint32_t chunk) {
    struct rwkv_context *context = NULL;
    struct rwkv_error error = {0};
    struct rwkv_context_info info = {.struct_size = sizeof info};
    CHECK(rwkv_context_create(model, config, &context, &error) == RWKV_OK, "%s", error.message);
    CHECK(rwkv_context_info(context, &info, &error) == RWKV_OK, "%s", error.message);
    CHECK(info.thread_count == threads && info.chunk_tokens == chunk, "%u threads, chunks of %u",
          (unsigned)info.thread_count, (unsigned)info.chunk_tokens);
    CHECK(info.scratch_bytes > 0, "no scratch");
    rwkv_context_free(context);
}

static void test_context_defaults(const struct rwkv_model *model) {
    struct rwkv_cpu_info cpu = {.struct_size = sizeof cpu};
    CHECK(rwkv_cpu_info(&cpu, NULL) == RWKV_OK, "rwkv_cpu_info");
    expect_context(model, NULL, cpu.processor_count, 128);
    expect_context(model, &(struct rwkv_context_config){.struct_size = 4}, cpu.processor_count, 128);
    expect_context(model, &(struct rwkv_context_config){.struct_size = 12, .thread_count = 3, .chunk_tokens = 5}, 3, 5);
    struct {
        struct rwkv_context_config known;
        char newer[20];
    } config = {.known = {.struct_size = sizeof config, .thread_count = 1}, .newer = "what we do not know"};
    expect_context(model, &config.known, 1, 128);
}

static void test_context_info(const struct rwkv_context *context) {
    struct rwkv_context_info info = {.struct_size = 0};
    CHECK(rwkv_context_info(context, &info, NULL) == RWKV_ERROR_ARGUMENT, "struct_size 0");
    info = (struct rwkv_context_info){.struct_size = offsetof(struct rwkv_context_info, scratch_bytes),
                                      .scratch_bytes = 77};
    CHECK(rwkv_context_info(context, &info, NULL) == RWKV_OK && info.scratch_bytes == 77, "too much was written");
    CHECK(rwkv_context_info(NULL, &info, NULL) == RWKV_ERROR_ARGUMENT, "NULL");
    CHECK(rwkv_context_info(context, NULL, NULL) == RWKV_ERROR_ARGUMENT, "NULL");
}

/* ------------------------------------------------------------------ evaluations */

struct fixture {
    struct rwkv_model *model;
    struct rwkv_context *context;
    struct rwkv_state *states[2];
    struct rwkv_sequence good[2]; /* a batch in order */
    float *logits[2];
    uint32_t tokens[TOKENS];
    uint64_t vocabulary;
};

/* The batch must be refused, and the states of the fixture be left alone. */
static void expect_refusal(const struct fixture *fixture, const char *word, const struct rwkv_batch *batch) {
    const uint64_t floats = model_info(fixture->model).state_floats;
    float *before[2];
    for (int i = 0; i < 2; i++) before[i] = state_values(fixture->model, fixture->states[i]);
    struct rwkv_error error = {0};
    CHECK(rwkv_evaluate(fixture->context, batch, NULL, &error) == RWKV_ERROR_ARGUMENT, "%s", word);
    CHECK(error.status == RWKV_ERROR_ARGUMENT && strstr(error.message, word), "%s: %s", word, error.message);
    CHECK(rwkv_evaluate(fixture->context, batch, NULL, NULL) == RWKV_ERROR_ARGUMENT, "no error wanted");
    for (int i = 0; i < 2; i++) {
        float *after = state_values(fixture->model, fixture->states[i]);
        CHECK(memcmp(before[i], after, floats * sizeof *after) == 0, "%s: something was evaluated", word);
        free(after);
        free(before[i]);
    }
}

/* With another second sequence. */
static void expect_refused_sequence(const struct fixture *fixture, const char *word, struct rwkv_sequence second) {
    struct rwkv_sequence sequences[] = {fixture->good[0], second};
    const struct rwkv_batch batch = {.struct_size = sizeof batch, .sequence_count = 2, .sequences = sequences};
    expect_refusal(fixture, word, &batch);
}

static void test_batches(struct fixture *fixture) {
    const struct rwkv_batch good = {.struct_size = sizeof good, .sequence_count = 2, .sequences = fixture->good};
    struct rwkv_batch batch = good;
    expect_refusal(fixture, "NULL", NULL);
    CHECK(rwkv_evaluate(NULL, &good, NULL, NULL) == RWKV_ERROR_ARGUMENT, "NULL");
    batch.struct_size = 0;
    expect_refusal(fixture, "struct_size", &batch);
    batch = good;
    batch.sequence_count = 0;
    expect_refusal(fixture, "no sequences", &batch);
    batch = good;
    batch.sequences = NULL;
    expect_refusal(fixture, "no sequences", &batch);

    struct {
        struct rwkv_batch known;
        char newer[20];
    } larger = {.known = good, .newer = "what we do not know"};
    larger.known.struct_size = sizeof larger;
    CHECK(rwkv_evaluate(fixture->context, &larger.known, NULL, NULL) == RWKV_OK, "a larger struct");
}

static void test_sequences(const struct fixture *fixture) {
    const struct rwkv_sequence good = fixture->good[1];
    struct rwkv_sequence bad = good;
    bad.state = NULL;
    expect_refused_sequence(fixture, "sequence 1 has no state", bad);
    bad.state = fixture->states[0];
    expect_refused_sequence(fixture, "sequences 0 and 1 share a state", bad);
    bad = good;
    bad.tokens = NULL;
    expect_refused_sequence(fixture, "sequence 1 has no tokens", bad);
    bad = good;
    bad.token_count = 0;
    expect_refused_sequence(fixture, "sequence 1 has no tokens", bad);
    bad = good;
    bad.wanted = RWKV_LOGITS_ALL + 1;
    expect_refused_sequence(fixture, "sequence 1 wants logits 3", bad);
    bad = good;
    bad.reserved = 1;
    expect_refused_sequence(fixture, "reserved of sequence 1 is 1", bad);

    const uint32_t vocabulary = (uint32_t)fixture->vocabulary, beyond[] = {vocabulary, vocabulary + 1, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        uint32_t tokens[TOKENS] = {0};
        tokens[i] = beyond[i];
        char word[64];
        snprintf(word, sizeof word, "token %d of sequence 1 is %" PRIu32, i, tokens[i]);
        bad = good;
        bad.tokens = tokens;
        expect_refused_sequence(fixture, word, bad);
    }
}

static void test_room_for_logits(const struct fixture *fixture) {
    struct rwkv_sequence bad = fixture->good[1];
    bad.wanted = RWKV_LOGITS_LAST;
    bad.logits_floats = fixture->vocabulary - 1;
    expect_refused_sequence(fixture, "the logits of sequence 1", bad);
    bad.logits_floats = 0;
    expect_refused_sequence(fixture, "the logits of sequence 1", bad);
    bad.wanted = RWKV_LOGITS_ALL;
    bad.logits_floats = TOKENS * fixture->vocabulary - 1;
    expect_refused_sequence(fixture, "the logits of sequence 1", bad);
    bad.logits_floats++;
    bad.logits = NULL;
    expect_refused_sequence(fixture, "the logits of sequence 1", bad);
}

int main(void) {
    struct random_model random = random_model_make(&odd_shapes[6]);
    struct fixture fixture = {.model = random_model_create(&random), .vocabulary = random.shape.vocabulary};
    fixture.context = create_context(fixture.model, 2, 3);
    for (int i = 0; i < 2; i++) {
        fixture.states[i] = create_state(fixture.model);
        fixture.logits[i] = check_allocate(TOKENS * fixture.vocabulary * sizeof(float));
        fixture.good[i] = (struct rwkv_sequence){.state = fixture.states[i],
                                                 .tokens = fixture.tokens,
                                                 .token_count = TOKENS,
                                                 .logits = fixture.logits[i],
                                                 .logits_floats = TOKENS * fixture.vocabulary,
                                                 .wanted = RWKV_LOGITS_ALL};
    }
    test_context_arguments(fixture.model);
    test_context_defaults(fixture.model);
    test_context_info(fixture.context);
    test_batches(&fixture);
    test_sequences(&fixture);
    test_room_for_logits(&fixture);
    for (int i = 0; i < 2; i++) {
        rwkv_state_free(fixture.states[i]);
        free(fixture.logits[i]);
    }
    rwkv_context_free(fixture.context);
    rwkv_model_free(fixture.model);
    random_model_free(&random);
    return check_result();
}
