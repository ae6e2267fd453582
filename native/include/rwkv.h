/*
 * librwkv4j: RWKV language models (versions 4, 5.0, 5.1, 5.2, 6 and 7) on the CPU.
 *
 * Overview
 * --------
 *   1. Describe the weights as a table of tensors that lie in memory (usually a mapped GGUF file) and
 *      make a model of it:                      rwkv_model_create
 *   2. Make a state, one per text:              rwkv_state_create
 *   3. Make a context: threads and scratch:     rwkv_context_create
 *   4. Feed tokens, get logits:                 rwkv_evaluate
 *
 * This library opens no file, prints nothing, never ends the process and keeps no global state but a
 * table of kernels, which is filled once. Running out of memory is a status like any other.
 *
 * Conventions
 * -----------
 * - Sizes are in the unit that the name or the comment says: bytes, floats, tokens, elements.
 * - Matrices are row-major, [out][in]; dims[] of a tensor is listed fastest first, as in GGUF: {in, out}.
 * - A struct that the caller fills in begins with struct_size = sizeof(struct): a field that a newer
 *   version of the library adds at the end is absent, and therefore zero, for an older caller. Zero always
 *   means the default. Fields that the library fills in follow the same rule.
 * - An argument named `error` may be NULL. Where it is not, it receives status and message of a failure and
 *   is left alone on success.
 * - free functions take NULL.
 *
 * Threads
 * -------
 * - A model is immutable: any number of threads may use it at once. It must outlive its states and contexts.
 * - A context runs one evaluation at a time, a state takes part in one evaluation at a time. Keeping to
 *   that is the caller's duty. Different contexts and states are independent.
 */
#ifndef RWKV_H
#define RWKV_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define RWKV_API __declspec(dllexport)
#elif defined(__GNUC__)
#define RWKV_API __attribute__((visibility("default")))
#else
#define RWKV_API
#endif

/* Changes when a caller has to change: compared by the bindings when they load the library. */
#define RWKV_API_VERSION 2

/* ------------------------------------------------------------------ status */

/* Every way in which a call can end. Values are stable. */
enum rwkv_status {
    RWKV_OK = 0,
    RWKV_ERROR_ARGUMENT = 1,    /* a null pointer, a token outside the vocabulary, a buffer too small, … */
    RWKV_ERROR_MEMORY = 2,      /* memory could not be allocated */
    RWKV_ERROR_MODEL = 3,       /* a tensor is missing, unexpected, or has the wrong shape, type or length */
    RWKV_ERROR_UNSUPPORTED = 4, /* valid, but not something that this library can do */
    RWKV_ERROR_THREAD = 5,      /* the operating system did not give a thread */
    RWKV_ERROR_CANCELLED = 6    /* rwkv_batch.cancel was set */
};

/* Where a failing call says why. */
struct rwkv_error {
    int32_t status;    /* an enum rwkv_status */
    char message[508]; /* one line for people, UTF-8, terminated by zero */
};

/* The name of a status, for example "RWKV_ERROR_MODEL"; "unknown" for any other value. Static storage. */
RWKV_API const char *rwkv_status_name(int32_t status);

/* RWKV_API_VERSION of the library that runs. */
RWKV_API uint32_t rwkv_api_version(void);

/* ------------------------------------------------------------------ processor */

struct rwkv_cpu_info {
    uint32_t struct_size;
    uint32_t processor_count; /* processors this process may run on */
    char tier[16];            /* the family of kernels in use: "scalar", "avx2", … */
    char tiers[64];           /* all that this processor can run, best first, separated by spaces */
};

/*
 * Which kernels run here. The best tier that the processor has and the operating system lets be used is
 * chosen at the first call of anything that computes, once for the life of the process. The environment
 * variable RWKV_CPU_TIER forces one by name.
 * Errors: RWKV_ERROR_ARGUMENT if RWKV_CPU_TIER names no tier that can run here; everything that computes then
 * fails in the same way.
 */
RWKV_API enum rwkv_status rwkv_cpu_info(struct rwkv_cpu_info *info, struct rwkv_error *error);

/* ------------------------------------------------------------------ element types */

/* The numbers are those of GGUF. */
enum rwkv_type {
    RWKV_TYPE_F32 = 0,
    RWKV_TYPE_F16 = 1,
    RWKV_TYPE_Q4_0 = 2,
    RWKV_TYPE_Q4_1 = 3,
    RWKV_TYPE_Q5_0 = 6,
    RWKV_TYPE_Q5_1 = 7,
    RWKV_TYPE_Q8_0 = 8,
    RWKV_TYPE_Q2_K = 10,
    RWKV_TYPE_Q3_K = 11,
    RWKV_TYPE_Q4_K = 12,
    RWKV_TYPE_Q5_K = 13,
    RWKV_TYPE_Q6_K = 14,
    RWKV_TYPE_IQ4_NL = 20,
    RWKV_TYPE_BF16 = 30
};

struct rwkv_type_info {
    uint32_t struct_size;
    uint32_t block_elements; /* elements in a block: 1 for the float types, 32 or 256 */
    uint32_t block_bytes;
    char name[12]; /* "Q4_0" */
};

/* Describes a type. Errors: RWKV_ERROR_UNSUPPORTED for a number that is not an enum rwkv_type. */
RWKV_API enum rwkv_status rwkv_type_info(uint32_t type, struct rwkv_type_info *info, struct rwkv_error *error);

/*
 * Decodes `elements` values of `type` from `source` (any alignment, `source_bytes` readable bytes) to floats.
 * Any thread. Errors: RWKV_ERROR_ARGUMENT if elements is no multiple of the type's block, or source_bytes is
 * not exactly the length of that many blocks; RWKV_ERROR_UNSUPPORTED for an unknown type.
 */
RWKV_API enum rwkv_status rwkv_decode(uint32_t type, const void *source, uint64_t source_bytes, float *target,
                                      uint64_t elements, struct rwkv_error *error);

/*
 * Encodes floats as `type` into `target`. The blocks of 32 except IQ4_NL are those of ggml bit for bit; the others are
 * what rwkv_encode_search makes without importance. Any thread. Errors as for rwkv_decode, and RWKV_ERROR_ARGUMENT when
 * the type is a block format for a value that is not finite, or whose magnitude is above 65504, the largest float16: a
 * block has no place for those.
 */
RWKV_API enum rwkv_status rwkv_encode(uint32_t type, const float *source, uint64_t elements, void *target,
                                      uint64_t target_bytes, struct rwkv_error *error);

/*
 * Encodes rows of `row_elements` floats, `elements` in all, with a search for the scales of each block that make the
 * sum of importance * error^2 in it small: never larger than with rwkv_encode where that encodes as ggml does. How
 * important the elements of a block are counts only relative to each other. The bytes do not depend on the processor.
 * Float types are rounded to the nearest.
 *
 * importance: one for each element of a row [row_elements], finite and not negative; NULL: all alike.
 * Any thread. Errors as for rwkv_encode, and RWKV_ERROR_ARGUMENT if elements are no whole rows, a row is no whole
 * blocks, or for an importance that is negative or not finite.
 */
RWKV_API enum rwkv_status rwkv_encode_search(uint32_t type, const float *source, uint64_t elements,
                                             const float *importance, uint64_t row_elements, void *target,
                                             uint64_t target_bytes, struct rwkv_error *error);

/*
 * Rounding with error feedback (GPTQ: Frantar et al., 2022): the error of each element is made good, as well as may be,
 * by those after it in its row, so that the products with typical inputs change little. What is typical,
 * rwkv_calibration_watch tells.
 *
 * rwkv_feedback_prepare turns sums and drift of a matrix with `columns` columns, laid out as rwkv_calibration_watch
 * says for `block_columns`, into the factors of its feedback and a correction of its rows, where they are.
 * rwkv_encode_feedback corrects and encodes rows of that matrix with them, any number at a time. `source` is changed on
 * the way. Scales are searched for as with rwkv_encode_search; the bytes may differ between processors. Any thread.
 * Errors of rwkv_feedback_prepare: ARGUMENT for NULL, no columns, or sums that are not those of finite inputs, after
 * which they are undefined; MEMORY. Of rwkv_encode_feedback: ARGUMENT for block_columns that are less than a row and no
 * whole blocks of the type, and otherwise as for rwkv_encode_search; MEMORY.
 */
RWKV_API enum rwkv_status rwkv_feedback_prepare(float *sums, float *drift, uint64_t columns, uint32_t block_columns,
                                                struct rwkv_error *error);
RWKV_API enum rwkv_status rwkv_encode_feedback(uint32_t type, float *source, uint64_t elements, const float *factors,
                                               const float *correction, uint32_t block_columns, uint64_t row_elements,
                                               void *target, uint64_t target_bytes, struct rwkv_error *error);

/* ------------------------------------------------------------------ model */

/*
 * One tensor, named as in GGUF ("blk.0.time_mix_key.weight"; docs/formats.md has the table for every version).
 * The struct and the name are copied. The data are not: they must stay readable and unchanged until the model is
 * freed, at any alignment.
 */
struct rwkv_tensor {
    const char *name; /* UTF-8, terminated by zero */
    const void *data;
    uint64_t bytes;   /* readable bytes at data; must be exactly what type and dims ask for */
    uint64_t dims[4]; /* fastest first; those from dim_count on are ignored */
    uint32_t dim_count;
    uint32_t type; /* an enum rwkv_type */
};

/* What is not in the tensors. Sizes that are given are checked against the tensors. */
struct rwkv_model_config {
    uint32_t struct_size;
    uint32_t version;           /* 4, 5, 6 or 7: required */
    uint32_t layer_count;       /* required */
    uint32_t width;             /* 0: as the tensors say */
    uint32_t channel_mix_width; /* 0: as the tensors say */
    uint32_t vocabulary_size;   /* 0: as the tensors say */
    uint32_t head_size;         /* required for version 7; 0 for 5 and 6: as the tensors say; 4 has no heads */
    uint32_t rescale_every;     /* R of files whose output matrices of layer l are divided by 2^(l/R); 0: none */
    float layer_norm_epsilon;   /* 0: 1e-5 */
    float group_norm_epsilon;   /* 0: 64e-5 */
    uint32_t dense; /* 0: where relu^2 leaves a 0, the channel mix reads no weights for it; 1: all are read */
    uint32_t tensors_are_mapped; /* 1: all of them, from a file, and never written to. The operating system is told how
                                    they are read, and given back the pages of what has been copied, and of embeddings:
                                    it reads them again should anybody ask for them */
};

struct rwkv_model;

struct rwkv_model_info {
    uint32_t struct_size;
    uint32_t version;
    uint32_t layer_count;
    uint32_t width;
    uint32_t channel_mix_width;
    uint32_t vocabulary_size;
    uint32_t head_count;      /* 0 for version 4 */
    uint32_t head_size;       /* 0 for version 4 */
    uint64_t state_floats;    /* length of a state, see rwkv_state_get */
    uint64_t parameter_count; /* elements of all tensors that are used */
    uint64_t tensor_bytes;    /* bytes of the caller's tensors that are read where they lie */
    uint64_t allocated_bytes; /* memory that the model holds itself */
};

/*
 * Makes a model of `tensor_count` tensors. Unless it is dense, the matrices channel_mix_value are copied into another
 * layout, with all processors, if there are kernels for it (on x86-64, and in plain C). Every tensor that the version
 * needs must be there once, with the right shape; one that it does not know is an error, since it is a sign of another
 * architecture. On success *model is the caller's, to be given to rwkv_model_free; on failure it is NULL. Errors:
 * ARGUMENT, MEMORY, THREAD, MODEL (names the tensor), UNSUPPORTED (names what is not supported).
 */
RWKV_API enum rwkv_status rwkv_model_create(const struct rwkv_model_config *config, const struct rwkv_tensor *tensors,
                                            uint64_t tensor_count, struct rwkv_model **model, struct rwkv_error *error);

/* Frees a model. Its states and contexts must have been freed before. */
RWKV_API void rwkv_model_free(struct rwkv_model *model);

/* Sizes of a model. Errors: ARGUMENT for a null pointer or a struct_size of 0. */
RWKV_API enum rwkv_status rwkv_model_info(const struct rwkv_model *model, struct rwkv_model_info *info,
                                          struct rwkv_error *error);

/* ------------------------------------------------------------------ state */

/*
 * All that a model remembers of a text: of constant size however long the text was.
 */
struct rwkv_state;

/* Makes a fresh state (that of an empty text). Errors: ARGUMENT, MEMORY. */
RWKV_API enum rwkv_status rwkv_state_create(const struct rwkv_model *model, struct rwkv_state **state,
                                            struct rwkv_error *error);

RWKV_API void rwkv_state_free(struct rwkv_state *state);

/* Back to the fresh state. Errors: ARGUMENT for NULL. */
RWKV_API enum rwkv_status rwkv_state_reset(struct rwkv_state *state, struct rwkv_error *error);

/* Makes `target` equal to `source`. Errors: ARGUMENT if they are not of the same model. */
RWKV_API enum rwkv_status rwkv_state_copy(struct rwkv_state *target, const struct rwkv_state *source,
                                          struct rwkv_error *error);

/*
 * Copies a state out to, or in from, `floats` floats (exactly rwkv_model_info.state_floats). Layout, for each
 * layer: the time mix's shift vector [width]; then for version 4 the vectors aa, bb, pp [width] each, for
 * the others the matrices [head][value channel][key channel]; then the channel mix's shift vector [width].
 * Errors: ARGUMENT for a wrong length; rwkv_state_set also for a value that is not finite, and then the state is as
 * before.
 */
RWKV_API enum rwkv_status rwkv_state_get(const struct rwkv_state *state, float *target, uint64_t floats,
                                         struct rwkv_error *error);
RWKV_API enum rwkv_status rwkv_state_set(struct rwkv_state *state, const float *source, uint64_t floats,
                                         struct rwkv_error *error);

/* ------------------------------------------------------------------ evaluation */

struct rwkv_context_config {
    uint32_t struct_size;
    uint32_t thread_count; /* 0: one per processor that the process may use; the calling thread counts */
    uint32_t chunk_tokens; /* most tokens that are computed together, what scratch is sized for; 0: 128 */
};

/*
 * Threads and scratch memory for evaluating one model. Threads sleep when nothing is to be done. While other programs
 * or contexts want the processors too, so that threads would mostly wait for each other, fewer of them compute (not on
 * Windows, which does not tell).
 */
struct rwkv_context;

struct rwkv_context_info {
    uint32_t struct_size;
    uint32_t thread_count;
    uint32_t chunk_tokens;
    uint32_t reserved;
    uint64_t scratch_bytes; /* memory that the context holds at present */
};

/* `config` may be NULL: all defaults. Errors: ARGUMENT, MEMORY, THREAD. */
RWKV_API enum rwkv_status rwkv_context_create(const struct rwkv_model *model, const struct rwkv_context_config *config,
                                              struct rwkv_context **context, struct rwkv_error *error);

/* Ends the threads and frees the context. No evaluation may be running. */
RWKV_API void rwkv_context_free(struct rwkv_context *context);

RWKV_API enum rwkv_status rwkv_context_info(const struct rwkv_context *context, struct rwkv_context_info *info,
                                            struct rwkv_error *error);

/*
 * From now on, evaluations by this context add up the squares of the inputs of a matrix, for each of its columns.
 *
 * tensor: its name in the table of tensors. A matrix is observed at most once.
 * squares, columns: receive where the sums are, and how many. They begin with 0, belong to the context, may be read and
 * written while it is not evaluating, and are freed with it. They do not depend on the number of threads. Errors:
 * ARGUMENT if there is no such matrix, MEMORY.
 */
RWKV_API enum rwkv_status rwkv_context_observe(struct rwkv_context *context, const char *tensor, float **squares,
                                               uint64_t *columns, struct rwkv_error *error);

/* Which logits a sequence wants. */
enum rwkv_logits {
    RWKV_LOGITS_NONE = 0,
    RWKV_LOGITS_LAST = 1, /* after its last token: vocabulary_size floats */
    RWKV_LOGITS_ALL = 2   /* after each of its tokens: [token_count][vocabulary_size] floats */
};

/* A piece of one text. */
struct rwkv_sequence {
    struct rwkv_state *state; /* read and written; each state at most once in a batch */
    const uint32_t *tokens;   /* [token_count], each below vocabulary_size */
    uint64_t token_count;     /* at least 1 */
    float *logits;            /* receives the wanted logits; may be NULL if none are */
    uint64_t logits_floats;   /* room at logits, in floats */
    uint32_t wanted;          /* an enum rwkv_logits */
    uint32_t reserved;        /* 0 */
};

struct rwkv_batch {
    uint32_t struct_size;
    uint32_t sequence_count;
    struct rwkv_sequence *sequences; /* [sequence_count] */
    const int32_t *cancel;           /* NULL, or what another thread may set to non-zero, to stop the evaluation */
};

/*
 * Evaluates all sequences of a batch. One token of one sequence is the recurrent form, many tokens of it the
 * sequence form, many sequences the batch; they agree to rounding. The result does not depend on the number of
 * threads, bit for bit. The calling thread works along.
 *
 * On RWKV_ERROR_CANCELLED each state stands after some whole number of its sequence's tokens (0 included): how
 * many, rwkv_evaluate writes to `evaluated` [sequence_count] if that is not NULL, as it does on success; logits
 * are then undefined. On RWKV_ERROR_ARGUMENT nothing has been evaluated.
 */
RWKV_API enum rwkv_status rwkv_evaluate(struct rwkv_context *context, const struct rwkv_batch *batch,
                                        uint64_t *evaluated, struct rwkv_error *error);

/* ------------------------------------------------------------------ calibration */

/*
 * What rwkv_feedback_prepare is to know. A model as it was, `original`, and the same model as it is being quantised,
 * `rounded`, read a text together, one layer after the other: of each matrix one learns what it is multiplied by in
 * both, x and x', before it is quantised itself. Its quantised weights can then make good what the ones before it have
 * done to x'.
 *
 * Of both models the residual stream of all tokens is kept, as it is before some layer, the first one to begin with.
 * For each layer: for matrices that do not depend on each other, rwkv_calibration_watch and rwkv_calibration_read, then
 * quantise them, and so on, in the order in which they are computed; at last read with `advance`. What the rounded
 * model holds of matrices that come later does not matter.
 *
 * One thread at a time. The calling thread works along.
 */
struct rwkv_calibration;

/*
 * Begins: the tokens are embedded with the embedding of each model.
 *
 * original, rounded: the same tensors, but for types and values. Both must outlive the calibration. `rounded` has to be
 *   dense and not declared as mapped; between calls, and only then, the values of its matrices may change where
 *   rwkv_tensor.data points.
 * config: threads, and tokens that are computed together, as of a context of each model; NULL: all defaults.
 * tokens: the text [token_count], at least one; copied.
 * calibration: on success the caller's, to be given to rwkv_calibration_free; on failure it is NULL.
 *
 * Memory: for each token twice the width in floats, for version 7 four times; and two contexts.
 * Errors: ARGUMENT for NULL, no tokens, one outside the vocabulary, models that are not the same, a rounded model that
 * is not dense or is mapped, or what rwkv_context_create refuses; MEMORY, THREAD.
 */
RWKV_API enum rwkv_status rwkv_calibration_create(const struct rwkv_model *original, const struct rwkv_model *rounded,
                                                  const struct rwkv_context_config *config, const uint32_t *tokens,
                                                  uint64_t token_count, struct rwkv_calibration **calibration,
                                                  struct rwkv_error *error);

/* Ends the threads and frees the calibration. The sums are the caller's. */
RWKV_API void rwkv_calibration_free(struct rwkv_calibration *calibration);

/*
 * The next rwkv_calibration_read adds up products of the inputs of a matrix, x of the original and x' of the rounded
 * model, within each diagonal block of `block_columns` columns:
 *
 *     sums[i][j] += x'_i x'_j for i <= j,    drift[i][j] += (x_i - x'_i) x'_j for all i, j
 *
 * tensor: the name of a matrix in the table of tensors.
 * sums, drift: the caller's [floats] each, which are added to, and must be there until the read has returned. For each
 *   block, one after the other, [n][n] with n = block_columns, fewer in the last. Below the diagonal, sums are left
 *   alone. They do not depend on the number of threads.
 *
 * Errors: ARGUMENT for NULL, block_columns of 0, if there is no such matrix, it is watched already, or for another
 * number of floats; MEMORY. After an error all is as before.
 */
RWKV_API enum rwkv_status rwkv_calibration_watch(struct rwkv_calibration *calibration, const char *tensor,
                                                 uint32_t block_columns, float *sums, float *drift, uint64_t floats,
                                                 struct rwkv_error *error);

/*
 * Both models evaluate layer `layer`, whose residual streams are kept, for all tokens of the text, from a fresh state;
 * the one after the last is the head. Nothing is watched afterwards. With `advance` not 0 the residual streams become
 * those after the layer, else they remain as they are. Takes as long as the layer takes in two evaluations of the text.
 * Errors, after which all is as before: ARGUMENT for NULL, if there is no such layer, or for an advance over the head.
 */
RWKV_API enum rwkv_status rwkv_calibration_read(struct rwkv_calibration *calibration, uint32_t layer, uint32_t advance,
                                                struct rwkv_error *error);

#ifdef __cplusplus
}
#endif

#endif
