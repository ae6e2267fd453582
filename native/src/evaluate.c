/*
 * Evaluation: a batch is cut into chunks of at most chunk_tokens tokens, in the order of its sequences; a chunk ends
 * with every state after a whole number of tokens. What a chunk goes through is `run`: the skeleton of all versions.
 */
#include <inttypes.h>
#include <string.h>

#include "cpu/thread.h"
#include "version.h"

/* ------------------------------------------------------------------ one chunk */

static void run(void *argument, struct worker *worker) {
    const struct chunk *chunk = argument;
    const struct rwkv_model *model = chunk->model;
    embed(chunk, worker);
    for (uint32_t i = 0; i < model->layer_count; i++) {
        const struct layer *layer = &model->layers[i];
        const bool last = i + 1 == model->layer_count;
        model->version->time_mix(chunk, worker, layer);
        /* Behind the last time mix only the rows whose logits are wanted matter. */
        channel_mix(chunk, worker, layer, last ? WANTED_ROWS : ALL_ROWS);
    }
    compute_logits(chunk, worker);
}

/* ------------------------------------------------------------------ by as many threads as are of use */

/* Runs the chunk, and adds how long this thread would have gone on but had no processor. */
static void run_measured(void *argument, struct worker *worker) {
    struct rwkv_context *context = argument;
    const uint64_t start = thread_nanoseconds(), busy = thread_busy_nanoseconds(), slept = pool_slept(worker);
    run(&context->chunk, worker);
    const uint64_t had = thread_busy_nanoseconds() - busy + pool_slept(worker) - slept;
    const uint64_t elapsed = thread_nanoseconds() - start;
    if (elapsed > had) atomic_fetch_add(&context->delayed, elapsed - had);
}

static void run_chunk(struct rwkv_context *context) {
    struct pool *pool = context->pool;
    if (context->thread_count == 1) {
        pool_run(pool, run, &context->chunk);
        return;
    }
    const uint64_t start = thread_nanoseconds();
    pool_run(pool, run_measured, context);
    const uint64_t end = thread_nanoseconds();
    if (!crowd_is_due(&context->crowd, end - start)) return;

    /* A thread that waits for the disk has no processor either, but the more of them do, the better. */
    const uint64_t disk_reads = process_disk_reads(), delayed = atomic_exchange(&context->delayed, 0);
    crowd_look(&context->crowd, end, disk_reads == context->disk_reads ? delayed : 0);
    context->disk_reads = disk_reads;
    pool_use(pool, context->crowd.threads);
}

/* ------------------------------------------------------------------ from the batch to chunks */

/* How far a batch has been evaluated: all of the sequences before `sequence`, and `token` tokens of that. */
struct position {
    uint32_t sequence;
    uint64_t token;
};

static void add_row(struct chunk *chunk, const struct rwkv_sequence *sequence, uint64_t token) {
    const uint32_t row = chunk->rows++;
    chunk->tokens[row] = sequence->tokens[token];
    chunk->span_of[row] = chunk->span_count;
    chunk->slot_of[row] = NO_SLOT;
    const bool all = sequence->wanted == RWKV_LOGITS_ALL;
    if (all || (sequence->wanted == RWKV_LOGITS_LAST && token + 1 == sequence->token_count)) {
        const uint32_t slot = chunk->wanted_count++;
        chunk->slot_of[row] = slot;
        chunk->wanted_rows[slot] = row;
        chunk->logits[slot] = sequence->logits + (all ? token * chunk->model->vocabulary_size : 0);
    }
}

/* Fills the chunk with what comes at `at`, and returns where the next one begins. */
static struct position fill(struct chunk *chunk, uint32_t capacity, const struct rwkv_batch *batch,
                            struct position at) {
    chunk->rows = chunk->span_count = chunk->wanted_count = 0;
    while (at.sequence < batch->sequence_count && chunk->rows < capacity) {
        const struct rwkv_sequence *sequence = &batch->sequences[at.sequence];
        struct span *span = &chunk->spans[chunk->span_count];
        *span = (struct span){.state = sequence->state->data, .first = chunk->rows};
        while (chunk->rows < capacity && at.token < sequence->token_count) add_row(chunk, sequence, at.token++);
        span->rows = chunk->rows - span->first;
        chunk->span_count++;
        if (at.token == sequence->token_count) at = (struct position){at.sequence + 1, 0};
    }
    return at;
}

/* ------------------------------------------------------------------ checks */

static enum rwkv_status check_sequence(const struct rwkv_model *model, const struct rwkv_batch *batch, uint32_t i,
                                       struct rwkv_error *error) {
    const struct rwkv_sequence *sequence = &batch->sequences[i];
    if (!sequence->state || !sequence->tokens || sequence->token_count == 0)
        return error_set(error, RWKV_ERROR_ARGUMENT, "sequence %" PRIu32 " has no %s", i,
                         sequence->state ? "tokens" : "state");
    if (sequence->state->model != model)
        return error_set(error, RWKV_ERROR_ARGUMENT, "the state of sequence %" PRIu32 " is of another model", i);
    for (uint32_t j = 0; j < i; j++)
        if (batch->sequences[j].state == sequence->state)
            return error_set(error, RWKV_ERROR_ARGUMENT, "sequences %" PRIu32 " and %" PRIu32 " share a state", j, i);
    for (uint64_t t = 0; t < sequence->token_count; t++)
        if (sequence->tokens[t] >= model->vocabulary_size)
            return error_set(error, RWKV_ERROR_ARGUMENT,
                             "token %" PRIu64 " of sequence %" PRIu32 " is %" PRIu32
                             ", but the vocabulary has only %zu",
                             t, i, sequence->tokens[t], model->vocabulary_size);
    if (sequence->wanted > RWKV_LOGITS_ALL)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "sequence %" PRIu32 " wants logits %" PRIu32 ", which is no enum rwkv_logits", i,
                         sequence->wanted);
    if (sequence->reserved != 0)
        return error_set(error, RWKV_ERROR_ARGUMENT, "reserved of sequence %" PRIu32 " is %" PRIu32 ", expected 0", i,
                         sequence->reserved);
    const uint64_t rows = sequence->wanted == RWKV_LOGITS_ALL ? sequence->token_count : sequence->wanted;
    if (rows > 0 && (!sequence->logits || sequence->logits_floats / model->vocabulary_size < rows))
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "the logits of sequence %" PRIu32 " are %" PRIu64
                         " times %zu floats, but there is room for %" PRIu64,
                         i, rows, model->vocabulary_size, sequence->logits ? sequence->logits_floats : 0);
    return RWKV_OK;
}

static enum rwkv_status check_batch(const struct rwkv_context *context, const struct rwkv_batch *batch,
                                    struct rwkv_error *error) {
    if (!context || !batch || batch->struct_size < sizeof *batch)
        return error_set(error, RWKV_ERROR_ARGUMENT,
                         "rwkv_evaluate: context or batch is NULL, or its struct_size below %zu", sizeof *batch);
    if (batch->sequence_count == 0 || !batch->sequences)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_evaluate: the batch has no sequences");
    enum rwkv_status status = RWKV_OK;
    for (uint32_t i = 0; i < batch->sequence_count && status == RWKV_OK; i++)
        status = check_sequence(context->model, batch, i, error);
    return status;
}

/* ------------------------------------------------------------------ the public function */

static bool cancelled(const struct rwkv_batch *batch) {
    return batch->cancel && __atomic_load_n(batch->cancel, __ATOMIC_RELAXED) != 0;
}

enum rwkv_status rwkv_evaluate(struct rwkv_context *context, const struct rwkv_batch *batch, uint64_t *evaluated,
                               struct rwkv_error *error) {
    const enum rwkv_status status = check_batch(context, batch, error);
    if (status != RWKV_OK) return status;
    if (evaluated) memset(evaluated, 0, batch->sequence_count * sizeof *evaluated);

    struct position at = {0, 0};
    while (at.sequence < batch->sequence_count) {
        if (cancelled(batch)) return error_set(error, RWKV_ERROR_CANCELLED, "the evaluation was cancelled");
        const struct position next = fill(&context->chunk, context->chunk_tokens, batch, at);
        run_chunk(context);
        for (uint32_t i = at.sequence; evaluated && i < batch->sequence_count && i <= next.sequence; i++)
            evaluated[i] = i < next.sequence ? batch->sequences[i].token_count : next.token;
        at = next;
    }
    return RWKV_OK;
}
