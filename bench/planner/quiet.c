/* The world that the simulated log stands in, when nothing is simulated but the log: one process,
 * the machine's own clock, no faults, nothing noted. What is committed is counted. */
#include <stdlib.h>

#include "bench/planner/bench.h"
#include "core/base/clock.h"
#include "tests/sim/simcheck.h"

struct sim_world sim;

static int64_t committed[WB_TOPIC_COUNT];

int64_t bench_committed(enum wb_topic topic)
{
    return committed[topic];
}

void sim_check_committed(enum wb_topic topic, const struct sim_record *record)
{
    (void)record;
    committed[topic]++;
}

int64_t sim_now_ns(void)
{
    return wb_clock_mono_ns();
}

/* A consumer takes from its partitions in turn. */
int64_t sim_below(enum sim_stream stream, int64_t bound)
{
    static uint64_t turn;
    (void)stream;
    return (int64_t)(turn++ % (uint64_t)bound);
}

int64_t sim_spread(enum sim_stream stream, int64_t least, int64_t most)
{
    (void)stream;
    (void)most;
    return least;
}

bool sim_chance(enum sim_stream stream, int per_mille)
{
    (void)stream;
    (void)per_mille;
    return false;
}

bool sim_fault(enum sim_fault fault)
{
    (void)fault;
    return false;
}

struct sim_proc *sim_self(void)
{
    return NULL;
}

bool sim_pause(void)
{
    return true;
}

void sim_sleep_ns(int64_t ns)
{
    wb_clock_sleep_ns(ns);
}

void sim_wait_for_log_ns(int64_t ns)
{
    wb_clock_sleep_ns(ns);
}

void sim_log_changed(void)
{
}

void sim_note(const char *what, struct wb_span name, int64_t a, int64_t b)
{
    (void)what;
    (void)name;
    (void)a;
    (void)b;
}

void sim_note_plain(const char *what, int64_t a, int64_t b)
{
    (void)what;
    (void)a;
    (void)b;
}
