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

#include <stdbool.h>
#include <stdint.h>

struct crowd {
    uint32_t most, threads;   /* that there are, that take part */
    uint64_t elapsed;         /* in tasks, since the last look */
    bool trying;              /* there is one more since that */
    uint64_t patience, again; /* how many looks after a try that failed the next one is made; when that is */
};

struct crowd crowd_begin(uint32_t most);

/* A task has ended that took so long. Returns whether it is time to look. */
bool crowd_is_due(struct crowd *crowd, uint64_t elapsed);

/* Since the last look, threads had no processor for so long while they could have run, all together. Decides how many
 * take part from now on, one more or less at a time. */
void crowd_look(struct crowd *crowd, uint64_t now, uint64_t delayed);

#endif
