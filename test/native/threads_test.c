/*
 * The result does not depend on the number of threads, bit for bit. Run with each tier, and under ThreadSanitizer.
 */
#include "texts.h"

static void test(const struct shape *shape, uint32_t type) {
    struct shape typed = *shape;
    typed.matrix_type = typed.ends_type = type;
    struct random_model random = random_model_make(&typed);
    struct rwkv_model *model = random_model_create(&random);
    struct texts texts = {0};
    texts_add(&texts, 3, RWKV_LOGITS_LAST, shape->vocabulary);
    texts_add(&texts, 12, RWKV_LOGITS_ALL, shape->vocabulary);
    texts_add(&texts, 1, RWKV_LOGITS_NONE, shape->vocabulary);
    texts_add(&texts, 6, RWKV_LOGITS_LAST, shape->vocabulary);

    static const uint32_t thread_counts[] = {2, 3, 5}, chunks[] = {1, 17};
    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
        struct outcome expected = texts_read(&texts, model, ALL_AT_ONCE, 1, chunks[c]);
        for (size_t t = 0; t < sizeof thread_counts / sizeof *thread_counts; t++) {
            struct outcome actual = texts_read(&texts, model, ALL_AT_ONCE, thread_counts[t], chunks[c]);
            CHECK(outcome_difference(&expected, &actual) == 0, "%s: %u threads, chunks of %u", shape_text(&typed),
                  (unsigned)thread_counts[t], (unsigned)chunks[c]);
            outcome_free(&actual);
        }
        outcome_free(&expected);
    }
    rwkv_model_free(model);
    random_model_free(&random);
}

int main(void) {
    if (!tier_runs_here()) return 77;
    for (int i = 0; i < ODD_SHAPES; i++) test(&odd_shapes[i], i % 2 ? MIXED_TYPES : RWKV_TYPE_F32);
    test(&block_shapes[BLOCK_SHAPES - 1], MIXED_TYPES);
    return check_result();
}
