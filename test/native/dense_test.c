/*
 * A model that reads no weights for zeros against the same one that reads them all, token by token and many at once;
 * how its memory is counted. Run with each tier.
 */
#include "quant/blocks.h"
#include "texts.h"

/* See reference_test.c. */
#define FLOAT_TOLERANCE 2e-5
#define BLOCK_TOLERANCE 3e-2

static void test(const struct shape *shape, uint32_t type) {
    struct shape typed = *shape;
    typed.matrix_type = type;
    typed.ends_type = RWKV_TYPE_F32;
    struct random_model random = random_model_make(&typed);
    struct rwkv_model *sparse = random_model_create(&random);
    random.config.dense = 1;
    struct rwkv_model *dense = random_model_create(&random);

    struct texts texts = {0};
    texts_add(&texts, 5, RWKV_LOGITS_ALL, shape->vocabulary);
    texts_add(&texts, 2, RWKV_LOGITS_LAST, shape->vocabulary);
    texts_add(&texts, 9, RWKV_LOGITS_LAST, shape->vocabulary);
    const double tolerance = type_info(type).block_elements > 1 ? BLOCK_TOLERANCE : FLOAT_TOLERANCE;
    static const uint32_t chunks[] = {1, 2, 16};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct outcome expected = texts_read(&texts, dense, ALL_AT_ONCE, 2, chunks[i]);
        struct outcome actual = texts_read(&texts, sparse, ALL_AT_ONCE, 2, chunks[i]);
        const double difference = outcome_difference(&expected, &actual);
        CHECK(difference <= tolerance, "%s in chunks of %u differs by %g", shape_text(&typed), (unsigned)chunks[i],
              difference);
        outcome_free(&actual);
        outcome_free(&expected);
    }

    enum weight_type weight_type;
    weight_type_of(type, &weight_type);
    const struct rwkv_model_info of_sparse = model_info(sparse), of_dense = model_info(dense);
    const uint64_t moved = of_dense.tensor_bytes - of_sparse.tensor_bytes;
    const uint64_t expected =
        of_dense.layer_count * of_dense.width * weight_row_bytes(weight_type, of_dense.channel_mix_width);
    CHECK(moved == expected, "%s: %" PRIu64 " bytes, expected %" PRIu64, shape_text(&typed), moved, expected);
    CHECK(of_sparse.allocated_bytes - of_dense.allocated_bytes >= moved, "%s: they are somewhere", shape_text(&typed));
    rwkv_model_free(dense);
    rwkv_model_free(sparse);
    random_model_free(&random);
}

int main(void) {
    if (!tier_runs_here()) return 77;
    for (int i = 0; i < ODD_SHAPES; i++) test(&odd_shapes[i], RWKV_TYPE_F32);
    for (int i = 0; i < BLOCK_SHAPES; i++)
        for (int t = 0; t < ALL_TYPES; t++) test(&block_shapes[i], all_types[t]);
    return check_result();
}
