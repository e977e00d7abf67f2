/* What the time is, and waiting for it. Nothing else is here, so that a simulator can put another
 * time in its place. */
#include "core/base/clock.h"

#include <time.h>

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t wb_clock_wall_ms(void)
{
    return clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t wb_clock_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int64_t wb_clock_mono_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t wb_clock_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void wb_clock_sleep_ns(int64_t ns)
{
    const struct timespec nap = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    if (ns > 0)
        (void)nanosleep(&nap, NULL);
}
