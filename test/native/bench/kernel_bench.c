/*
 * How fast the kernels of the tier in use are, and what share of the machine's limits that is.
 *
 *     kernel_bench                    all of them
 *     kernel_bench matvec             those of a group
 *     kernel_bench -t 1 prompt q4_0   one, on one thread
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cpu/columns.h"
#include "cpu/thread.h"
#include "limits.h"

static const char usage[] =
    "usage: kernel_bench [OPTION]... [WORD]...\n"
    "\n"
    "Measures the kernels of the tier in use (RWKV_CPU_TIER), or those whose group, or type or name, is each WORD:\n"
    "\n"
    "  matvec TYPE         a matrix times one row of activations\n"
    "  pack TYPE           unpacking panels of a matrix\n"
    "  gemm panel_PANEL    a panel times the tokens of a prompt\n"
    "  prompt TYPE         a matrix times the tokens of a prompt: pack and gemm\n"
    "  columns TYPE        a matrix that lies by column times a row with zeros\n"
    "  pack_columns TYPE   unpacking panels of it\n"
    "  encode TYPE         quantising\n"
    "  vector NAME         what is done element by element\n"
    "  wkv vN              the recurrence of a version of RWKV\n"
    "\n"
    "  -t N    threads (default: one for each processor)\n"
    "  -r N    rows of matrices, a multiple of 128 (default 2048)\n"
    "  -c N    columns of matrices and length of vectors, a multiple of 256 (default 2048)\n"
    "  -p N    tokens of prompts (default 128)\n"
    "\n"
    "Times are medians; the spread is that of the middle half. GB/s are what is read, beside the bandwidth of a loop\n"
    "that does nothing else; m-a/s are multiply-adds, beside chains of them that wait for nothing.\n";

static void fail(const char *what, const char *why) {
    fprintf(stderr, "kernel_bench: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static size_t number(const char *option, const char *text, size_t multiple, size_t most) {
    char *end;
    const unsigned long value = text ? strtoul(text, &end, 10) : 0;
    if (value == 0 || *end || value % multiple != 0 || value > most) {
        char why[96];
        snprintf(why, sizeof why, "expected a number up to %zu that is a multiple of %zu", most, multiple);
        fail(option, why);
    }
    return value;
}

static void parse(struct bench *bench, int count, char **arguments) {
    int i = 1;
    for (; i < count && arguments[i][0] == '-'; i += 2) {
        const char *option = arguments[i], *value = arguments[i + 1];
        if (strcmp(option, "-t") == 0)
            bench->threads = (uint32_t)number(option, value, 1, 256);
        else if (strcmp(option, "-r") == 0)
            bench->rows = number(option, value, COLUMN_TILE, 65536);
        else if (strcmp(option, "-c") == 0)
            bench->columns = number(option, value, 256, 65536);
        else if (strcmp(option, "-p") == 0)
            bench->tokens = number(option, value, 1, 1024);
        else {
            const bool help = strcmp(option, "-h") == 0 || strcmp(option, "--help") == 0;
            fputs(usage, help ? stdout : stderr);
            exit(help ? EXIT_SUCCESS : EXIT_FAILURE);
        }
    }
    bench->words = arguments + i;
    bench->word_count = (size_t)(count - i);
}

static void print_limits(const struct bench *bench) {
    const struct limits *l = &bench->limits;
    printf("%s kernels, %u thread%s. Reading: memory %.1f, second cache %.0f, first %.0f GB/s", bench->kernels->name,
           bench->threads, bench->threads == 1 ? "" : "s", l->memory * 1e-9, l->cache_2 * 1e-9, l->cache_1 * 1e-9);
    if (l->int8 > 0) printf("; multiply-adds: int8 %.0f, float32 %.0f G/s", l->int8 * 1e-9, l->f32 * 1e-9);
    printf(".\n\n");
}

int main(int count, char **arguments) {
    struct bench bench = {.threads = thread_processor_count(), .rows = 2048, .columns = 2048, .tokens = 128};
    parse(&bench, count, arguments);
    bench.kernels = kernels_get();
    if (!bench.kernels) fail("RWKV_CPU_TIER", "this processor has no such tier");
    struct rwkv_error error;
    if (pool_create(bench.threads, &bench.pool, &error) != RWKV_OK) fail("-t", error.message);

    limits_measure(&bench);
    print_limits(&bench);
    bench_print_titles();
    matrix_benches(&bench);
    column_benches(&bench);
    encode_benches(&bench);
    vector_benches(&bench);

    pool_free(bench.pool);
    free(bench.memory);
    if (bench.reported == 0) fail(bench.words[0], "no kernel of this tier is called so, see --help");
    return EXIT_SUCCESS;
}
