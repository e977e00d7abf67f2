/* Virtual time in place of core/base/clock.c. The wall clock of a process may be ahead. */
#include "core/base/clock.h"
#include "tests/sim/sim.h"

/* 2026-01-01: records and files have times that look like times. */
#define EPOCH_NS 1767225600000000000LL

static int64_t now_ns;

int64_t sim_now_ns(void)
{
    return now_ns;
}

void sim_time_begin(void)
{
    now_ns = SIM_SECOND;
}

void sim_time_set(int64_t ns)
{
    if (ns > now_ns)
        now_ns = ns;
}

static int64_t skew_ns(void)
{
    const struct sim_proc *self = sim_self();
    return self ? self->skew_ms * SIM_MS : 0;
}

int64_t wb_clock_wall_ns(void)
{
    return EPOCH_NS + now_ns + skew_ns();
}

int64_t wb_clock_wall_ms(void)
{
    return wb_clock_wall_ns() / SIM_MS;
}

int64_t wb_clock_mono_ns(void)
{
    return now_ns;
}

int64_t wb_clock_mono_ms(void)
{
    return now_ns / SIM_MS;
}

void wb_clock_sleep_ns(int64_t ns)
{
    sim_sleep_ns(ns);
}
