/*
 * Prints what the C compiler makes of rwkv.h, a fact a line, for the test of the Java bindings:
 *
 *     constant NAME VALUE
 *     struct NAME SIZE
 *     field STRUCT NAME OFFSET SIZE
 */
#include "rwkv.h"

#include <stddef.h>
#include <stdio.h>

#define CONSTANT(name) printf("constant %s %ld\n", #name, (long)(name))
#define STRUCT(name) printf("struct %s %zu\n", #name, sizeof(struct name))
#define FIELD(of, name)                                                                                                \
    printf("field %s %s %zu %zu\n", #of, #name, offsetof(struct of, name), sizeof(((struct of *)0)->name))

static void constants(void) {
    CONSTANT(RWKV_API_VERSION);
    CONSTANT(RWKV_OK);
    CONSTANT(RWKV_ERROR_ARGUMENT);
    CONSTANT(RWKV_ERROR_MEMORY);
    CONSTANT(RWKV_ERROR_MODEL);
    CONSTANT(RWKV_ERROR_UNSUPPORTED);
    CONSTANT(RWKV_ERROR_THREAD);
    CONSTANT(RWKV_ERROR_CANCELLED);
    CONSTANT(RWKV_TYPE_F32);
    CONSTANT(RWKV_TYPE_F16);
    CONSTANT(RWKV_TYPE_Q4_0);
    CONSTANT(RWKV_TYPE_Q4_1);
    CONSTANT(RWKV_TYPE_Q5_0);
    CONSTANT(RWKV_TYPE_Q5_1);
    CONSTANT(RWKV_TYPE_Q8_0);
    CONSTANT(RWKV_TYPE_Q2_K);
    CONSTANT(RWKV_TYPE_Q3_K);
    CONSTANT(RWKV_TYPE_Q4_K);
    CONSTANT(RWKV_TYPE_Q5_K);
    CONSTANT(RWKV_TYPE_Q6_K);
    CONSTANT(RWKV_TYPE_IQ4_NL);
    CONSTANT(RWKV_TYPE_BF16);
    CONSTANT(RWKV_LOGITS_NONE);
    CONSTANT(RWKV_LOGITS_LAST);
    CONSTANT(RWKV_LOGITS_ALL);
}

static void structs(void) {
    STRUCT(rwkv_error);
    FIELD(rwkv_error, status);
    FIELD(rwkv_error, message);

    STRUCT(rwkv_cpu_info);
    FIELD(rwkv_cpu_info, struct_size);
    FIELD(rwkv_cpu_info, processor_count);
    FIELD(rwkv_cpu_info, tier);
    FIELD(rwkv_cpu_info, tiers);

    STRUCT(rwkv_type_info);
    FIELD(rwkv_type_info, struct_size);
    FIELD(rwkv_type_info, block_elements);
    FIELD(rwkv_type_info, block_bytes);
    FIELD(rwkv_type_info, name);

    STRUCT(rwkv_tensor);
    FIELD(rwkv_tensor, name);
    FIELD(rwkv_tensor, data);
    FIELD(rwkv_tensor, bytes);
    FIELD(rwkv_tensor, dims);
    FIELD(rwkv_tensor, dim_count);
    FIELD(rwkv_tensor, type);

    STRUCT(rwkv_model_config);
    FIELD(rwkv_model_config, struct_size);
    FIELD(rwkv_model_config, version);
    FIELD(rwkv_model_config, layer_count);
    FIELD(rwkv_model_config, width);
    FIELD(rwkv_model_config, channel_mix_width);
    FIELD(rwkv_model_config, vocabulary_size);
    FIELD(rwkv_model_config, head_size);
    FIELD(rwkv_model_config, rescale_every);
    FIELD(rwkv_model_config, layer_norm_epsilon);
    FIELD(rwkv_model_config, group_norm_epsilon);
    FIELD(rwkv_model_config, dense);
    FIELD(rwkv_model_config, tensors_are_mapped);

    STRUCT(rwkv_model_info);
    FIELD(rwkv_model_info, struct_size);
    FIELD(rwkv_model_info, version);
    FIELD(rwkv_model_info, layer_count);
    FIELD(rwkv_model_info, width);
    FIELD(rwkv_model_info, channel_mix_width);
    FIELD(rwkv_model_info, vocabulary_size);
    FIELD(rwkv_model_info, head_count);
    FIELD(rwkv_model_info, head_size);
    FIELD(rwkv_model_info, state_floats);
    FIELD(rwkv_model_info, parameter_count);
    FIELD(rwkv_model_info, tensor_bytes);
    FIELD(rwkv_model_info, allocated_bytes);

    STRUCT(rwkv_context_config);
    FIELD(rwkv_context_config, struct_size);
    FIELD(rwkv_context_config, thread_count);
    FIELD(rwkv_context_config, chunk_tokens);

    STRUCT(rwkv_context_info);
    FIELD(rwkv_context_info, struct_size);
    FIELD(rwkv_context_info, thread_count);
    FIELD(rwkv_context_info, chunk_tokens);
    FIELD(rwkv_context_info, reserved);
    FIELD(rwkv_context_info, scratch_bytes);

    STRUCT(rwkv_sequence);
    FIELD(rwkv_sequence, state);
    FIELD(rwkv_sequence, tokens);
    FIELD(rwkv_sequence, token_count);
    FIELD(rwkv_sequence, logits);
    FIELD(rwkv_sequence, logits_floats);
    FIELD(rwkv_sequence, wanted);
    FIELD(rwkv_sequence, reserved);

    STRUCT(rwkv_batch);
    FIELD(rwkv_batch, struct_size);
    FIELD(rwkv_batch, sequence_count);
    FIELD(rwkv_batch, sequences);
    FIELD(rwkv_batch, cancel);
}

int main(void) {
    constants();
    structs();
    return 0;
}
