/* The tables of weight types. */
#include "blocks.h"
#include "rwkv.h"

const int8_t iq4_nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

const struct weight_format weight_formats[WEIGHT_TYPE_COUNT] = {
    [WEIGHT_F32] = {RWKV_TYPE_F32, "F32", 1, 4},
    [WEIGHT_F16] = {RWKV_TYPE_F16, "F16", 1, 2},
    [WEIGHT_BF16] = {RWKV_TYPE_BF16, "BF16", 1, 2},
    [WEIGHT_Q8_0] = {RWKV_TYPE_Q8_0, "Q8_0", 32, sizeof(struct block_q8_0)},
    [WEIGHT_Q4_0] = {RWKV_TYPE_Q4_0, "Q4_0", 32, sizeof(struct block_q4_0)},
    [WEIGHT_Q4_1] = {RWKV_TYPE_Q4_1, "Q4_1", 32, sizeof(struct block_q4_1)},
    [WEIGHT_Q5_0] = {RWKV_TYPE_Q5_0, "Q5_0", 32, sizeof(struct block_q5_0)},
    [WEIGHT_Q5_1] = {RWKV_TYPE_Q5_1, "Q5_1", 32, sizeof(struct block_q5_1)},
    [WEIGHT_IQ4_NL] = {RWKV_TYPE_IQ4_NL, "IQ4_NL", 32, sizeof(struct block_iq4_nl)},
    [WEIGHT_Q2_K] = {RWKV_TYPE_Q2_K, "Q2_K", BLOCK_K, sizeof(struct block_q2_k)},
    [WEIGHT_Q3_K] = {RWKV_TYPE_Q3_K, "Q3_K", BLOCK_K, sizeof(struct block_q3_k)},
    [WEIGHT_Q4_K] = {RWKV_TYPE_Q4_K, "Q4_K", BLOCK_K, sizeof(struct block_q4_k)},
    [WEIGHT_Q5_K] = {RWKV_TYPE_Q5_K, "Q5_K", BLOCK_K, sizeof(struct block_q5_k)},
    [WEIGHT_Q6_K] = {RWKV_TYPE_Q6_K, "Q6_K", BLOCK_K, sizeof(struct block_q6_k)},
};

bool weight_type_of(uint32_t type, enum weight_type *weight_type) {
    for (int i = 0; i < WEIGHT_TYPE_COUNT; i++) {
        if (weight_formats[i].type == type) {
            *weight_type = (enum weight_type)i;
            return true;
        }
    }
    return false;
}
