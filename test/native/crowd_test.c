/* How many threads take part on a busy machine: with times that are made up. */
#include "check.h"
#include "crowd.h"

#define MILLISECOND ((uint64_t)1000000)

/* A machine on which `free` threads always have a processor; each one more loses a part of its time. */
struct machine {
    uint32_t free;
    uint64_t now, task, crowded; /* the last: time in tasks of more threads than `free` */
};

/* Tasks for so long. */
static void run(struct machine *machine, struct crowd *crowd, uint64_t time) {
    const uint64_t end = machine->now + time;
    uint64_t delayed = 0;
    while (machine->now < end) {
        const bool is_crowded = crowd->threads > machine->free;
        const uint64_t elapsed = is_crowded ? 2 * machine->task : machine->task;
        machine->now += elapsed;
        if (is_crowded) machine->crowded += elapsed;
        delayed += is_crowded ? (crowd->threads - machine->free) * elapsed * 6 / 10 : 0;
        if (!crowd_is_due(crowd, elapsed)) continue;
        crowd_look(crowd, machine->now, delayed);
        delayed = 0;
    }
}

static void expect_threads(const struct crowd *crowd, uint32_t threads, const char *when) {
    CHECK(crowd->threads == threads, "%s: %u threads, expected %u", when, (unsigned)crowd->threads, (unsigned)threads);
}

static void test_undisturbed(void) {
    for (uint32_t most = 1; most <= 64; most++) {
        struct crowd crowd = crowd_begin(most);
        run(&(struct machine){.free = most, .task = MILLISECOND}, &crowd, 10000 * MILLISECOND);
        expect_threads(&crowd, most, "undisturbed");
    }
}

/* One of n is not worth its while if more than an nth of all their time is lost. */
static void test_one_less_if_it_is_lost(void) {
    const uint64_t elapsed = 100 * MILLISECOND;
    for (uint32_t most = 2; most <= 64; most++) {
        struct crowd crowd = crowd_begin(most);
        CHECK(!crowd_is_due(&crowd, 5 * MILLISECOND), "too short a time to know");
        CHECK(crowd_is_due(&crowd, elapsed - 5 * MILLISECOND), "long enough");
        crowd_look(&crowd, elapsed, elapsed / most);
        expect_threads(&crowd, most, "not more than one is lost");
        CHECK(crowd_is_due(&crowd, elapsed), "long enough");
        crowd_look(&crowd, 2 * elapsed, elapsed / most + 1000);
        expect_threads(&crowd, most - 1, "more than one is lost");
    }
}

/* With short tasks, and with some that take seconds. Whether it is still crowded is tried, but not often. */
static void test_busy(void) {
    for (uint64_t task = MILLISECOND; task <= 4000 * MILLISECOND; task *= 4)
        for (uint32_t most = 2; most <= 64; most *= 2)
            for (uint32_t available = 1; available < most; available += available) {
                struct machine machine = {.free = available, .task = task};
                struct crowd crowd = crowd_begin(most);
                run(&machine, &crowd, 300 * MILLISECOND + most * 2 * task); /* until it is known */
                const uint64_t begin = machine.now;
                machine.crowded = 0;
                run(&machine, &crowd, 20000 * MILLISECOND + 200 * task);
                const uint64_t time = machine.now - begin;
                CHECK(crowd.threads == available || crowd.trying, "%u of %u threads", (unsigned)crowd.threads,
                      (unsigned)most);
                CHECK(machine.crowded * 100 <= time * 15,
                      "%u threads of which %u are of use, tasks of %.0f ms: "
                      "crowded for %.1f %% of the time",
                      (unsigned)most, (unsigned)available, (double)task / (double)MILLISECOND,
                      100.0 * (double)machine.crowded / (double)time);
            }
}

/* A disturbance costs some tenths of a second, a long one at most two seconds. */
static void test_no_longer_busy(void) {
    for (uint32_t most = 2; most <= 8; most *= 2) {
        struct machine machine = {.free = 1, .task = 5 * MILLISECOND};
        struct crowd crowd = crowd_begin(most);
        run(&machine, &crowd, 200 * MILLISECOND);
        CHECK(crowd.threads < most, "disturbed");
        machine.free = most;
        run(&machine, &crowd, 400 * MILLISECOND);
        expect_threads(&crowd, most, "after a short disturbance");

        machine.free = 1;
        run(&machine, &crowd, 60000 * MILLISECOND);
        CHECK(crowd.threads < most, "disturbed");
        machine.free = most;
        run(&machine, &crowd, 2000 * MILLISECOND);
        expect_threads(&crowd, most, "after a long disturbance");
    }
}

int main(void) {
    test_undisturbed();
    test_one_less_if_it_is_lost();
    test_busy();
    test_no_longer_busy();
    return check_result();
}
