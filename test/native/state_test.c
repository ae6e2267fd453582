/* States: the fresh one, out and in, copies, and what is refused. */
#include "random_model.h"

#define TOKENS 6

struct fixture {
    struct random_model random;
    struct rwkv_model *model;
    struct rwkv_context *context;
    uint64_t floats;
    uint32_t tokens[TOKENS];
};

static struct fixture fixture_make(const struct shape *shape) {
    struct fixture fixture = {.random = random_model_make(shape)};
    fixture.model = random_model_create(&fixture.random);
    fixture.context = create_context(fixture.model, 1, 0);
    fixture.floats = model_info(fixture.model).state_floats;
    for (int i = 0; i < TOKENS; i++) fixture.tokens[i] = check_random() % shape->vocabulary;
    return fixture;
}

static void fixture_free(struct fixture *fixture) {
    rwkv_context_free(fixture->context);
    rwkv_model_free(fixture->model);
    random_model_free(&fixture->random);
}

static struct rwkv_state *state_after(const struct fixture *fixture, uint64_t tokens) {
    struct rwkv_state *state = create_state(fixture->model);
    if (tokens) feed(fixture->context, state, fixture->tokens, tokens, RWKV_LOGITS_NONE, NULL, 0);
    return state;
}

static bool equal(const struct fixture *fixture, const struct rwkv_state *a, const struct rwkv_state *b) {
    float *x = state_values(fixture->model, a), *y = state_values(fixture->model, b);
    const bool result = memcmp(x, y, fixture->floats * sizeof *x) == 0;
    free(x);
    free(y);
    return result;
}

static void test_fresh(const struct fixture *fixture) {
    const struct shape *shape = &fixture->random.shape;
    const uint64_t per_layer = fixture->floats / shape->layers;
    CHECK(per_layer == shape->width * (uint64_t)(shape->version == 4 ? 5 : shape->head_size + 2), "%" PRIu64,
          per_layer);
    struct rwkv_state *state = state_after(fixture, 0);
    float *values = state_values(fixture->model, state);
    for (uint64_t i = 0; i < fixture->floats; i++) {
        const bool is_pp = shape->version == 4 && i % per_layer / shape->width == 3;
        CHECK(values[i] == (is_pp ? -1e30f : 0), "%s: float %" PRIu64 " is %g", shape_text(shape), i,
              (double)values[i]);
    }
    free(values);
    rwkv_state_free(state);
}

/* Whatever way a state was had, the text goes on in the same way. */
static void test_out_and_in(const struct fixture *fixture) {
    struct rwkv_state *original = state_after(fixture, 3), *copy = state_after(fixture, 1),
                      *set = state_after(fixture, 2);
    CHECK(!equal(fixture, original, copy), "tokens leave no trace");
    CHECK(rwkv_state_copy(copy, original, NULL) == RWKV_OK && equal(fixture, original, copy), "copy");
    CHECK(rwkv_state_copy(copy, copy, NULL) == RWKV_OK && equal(fixture, original, copy), "copy to itself");
    float *values = state_values(fixture->model, original);
    CHECK(rwkv_state_set(set, values, fixture->floats, NULL) == RWKV_OK && equal(fixture, original, set), "set");
    free(values);

    struct rwkv_state *const states[] = {original, copy, set};
    for (int i = 0; i < 3; i++) feed(fixture->context, states[i], fixture->tokens + 3, 3, RWKV_LOGITS_NONE, NULL, 0);
    CHECK(equal(fixture, original, copy) && equal(fixture, original, set), "%s", shape_text(&fixture->random.shape));
    for (int i = 0; i < 3; i++) rwkv_state_free(states[i]);
}

static void test_reset(const struct fixture *fixture) {
    struct rwkv_state *state = state_after(fixture, TOKENS), *fresh = state_after(fixture, 0);
    CHECK(!equal(fixture, state, fresh), "tokens leave no trace");
    CHECK(rwkv_state_reset(state, NULL) == RWKV_OK && equal(fixture, state, fresh), "reset");
    rwkv_state_free(state);
    rwkv_state_free(fresh);
}

static void test_lengths(const struct fixture *fixture) {
    struct rwkv_state *state = state_after(fixture, 0);
    float *values = check_allocate(fixture->floats * sizeof *values);
    const uint64_t wrong[] = {0, fixture->floats - 1, fixture->floats + 1, UINT64_MAX};
    for (int i = 0; i < 4; i++) {
        struct rwkv_error error = {0};
        CHECK(rwkv_state_get(state, values, wrong[i], &error) == RWKV_ERROR_ARGUMENT, "get %" PRIu64, wrong[i]);
        CHECK(strstr(error.message, "floats"), "%s", error.message);
        CHECK(rwkv_state_set(state, values, wrong[i], &error) == RWKV_ERROR_ARGUMENT, "set %" PRIu64, wrong[i]);
    }
    free(values);
    rwkv_state_free(state);
}

static void test_not_finite(const struct fixture *fixture) {
    struct rwkv_state *state = state_after(fixture, 2), *before = state_after(fixture, 2),
                      *other = state_after(fixture, 3);
    float *values = state_values(fixture->model, other);
    const float bad[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < 3; i++) {
        const uint64_t place = check_random() % fixture->floats;
        const float good = values[place];
        values[place] = bad[i];
        struct rwkv_error error = {0};
        CHECK(rwkv_state_set(state, values, fixture->floats, &error) == RWKV_ERROR_ARGUMENT, "%g", (double)bad[i]);
        CHECK(strstr(error.message, "not finite"), "%s", error.message);
        CHECK(equal(fixture, state, before), "a refused state was set in part");
        values[place] = good;
    }
    free(values);
    rwkv_state_free(state);
    rwkv_state_free(before);
    rwkv_state_free(other);
}

/* Of the same weights, but another model. */
static void test_other_model(const struct fixture *fixture) {
    struct rwkv_model *other = random_model_create(&fixture->random);
    struct rwkv_state *state = state_after(fixture, 1), *stranger = create_state(other);
    struct rwkv_error error = {0};
    CHECK(rwkv_state_copy(state, stranger, &error) == RWKV_ERROR_ARGUMENT, "copy");
    CHECK(strstr(error.message, "different models"), "%s", error.message);
    struct rwkv_sequence sequences[] = {{.state = state, .tokens = fixture->tokens, .token_count = 1},
                                        {.state = stranger, .tokens = fixture->tokens, .token_count = 1}};
    const struct rwkv_batch batch = {.struct_size = sizeof batch, .sequence_count = 2, .sequences = sequences};
    CHECK(rwkv_evaluate(fixture->context, &batch, NULL, &error) == RWKV_ERROR_ARGUMENT, "evaluate");
    CHECK(strstr(error.message, "sequence 1 is of another model"), "%s", error.message);
    struct rwkv_state *expected = state_after(fixture, 1);
    CHECK(equal(fixture, state, expected), "something was evaluated");
    rwkv_state_free(expected);
    rwkv_state_free(state);
    rwkv_state_free(stranger);
    rwkv_model_free(other);
}

static void test_null(const struct fixture *fixture) {
    struct rwkv_state *state = state_after(fixture, 0), *none = state;
    float value;
    struct rwkv_error error = {0};
    CHECK(rwkv_state_create(NULL, &none, &error) == RWKV_ERROR_ARGUMENT && !none, "create");
    CHECK(error.status == RWKV_ERROR_ARGUMENT && strstr(error.message, "model is NULL"), "%s", error.message);
    CHECK(rwkv_state_create(fixture->model, NULL, &error) == RWKV_ERROR_ARGUMENT, "create");
    CHECK(rwkv_state_reset(NULL, &error) == RWKV_ERROR_ARGUMENT, "reset");
    CHECK(rwkv_state_copy(NULL, state, &error) == RWKV_ERROR_ARGUMENT, "copy");
    CHECK(rwkv_state_copy(state, NULL, &error) == RWKV_ERROR_ARGUMENT, "copy");
    CHECK(rwkv_state_get(NULL, &value, 1, &error) == RWKV_ERROR_ARGUMENT, "get");
    CHECK(rwkv_state_get(state, NULL, fixture->floats, &error) == RWKV_ERROR_ARGUMENT, "get");
    CHECK(rwkv_state_set(NULL, &value, 1, &error) == RWKV_ERROR_ARGUMENT, "set");
    CHECK(rwkv_state_set(state, NULL, fixture->floats, NULL) == RWKV_ERROR_ARGUMENT, "set");
    rwkv_state_free(state);
    rwkv_state_free(NULL);
}

int main(void) {
    for (int i = 0; i < ODD_SHAPES; i++) {
        struct fixture fixture = fixture_make(&odd_shapes[i]);
        test_fresh(&fixture);
        test_out_and_in(&fixture);
        test_reset(&fixture);
        test_lengths(&fixture);
        test_not_finite(&fixture);
        test_other_model(&fixture);
        test_null(&fixture);
        fixture_free(&fixture);
    }
    return check_result();
}
