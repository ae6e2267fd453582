/*
 * How many threads had better take part while other programs want the processors too.
 *
 * All threads of a task meet several times for each layer. If the system takes the processor from one of them, for some
 * milliseconds at a time, the others wait for it, and many threads become slower than fewer that nobody disturbs (two
 * processors of a Zen 4 class server, one of them wanted by another program, too: 0.1B decoded 159 tokens/s with two
 * threads, 235 with one).
 *
 * This is only arithmetic, on what is measured elsewhere. Times are in nanoseconds.
 */
#ifndef RWKV_CROWD_H
#define RWKV_CROWD_H

#include <stdint.h>

struct crowd {
    uint32_t most, threads;   /* that there are, that take part */
    uint64_t elapsed, slept;  /* since it was last looked at */
    uint64_t patience, again; /* how long it is left at fewer threads, and until when */
};

struct crowd crowd_begin(uint32_t most);

/* How many threads take part in a task that begins now. */
uint32_t crowd_threads(struct crowd *crowd, uint64_t now);

/* A task that has ended now took so long, and its threads have slept so long together, waiting for each other. */
void crowd_learn(struct crowd *crowd, uint64_t now, uint64_t elapsed, uint64_t slept);

#endif
