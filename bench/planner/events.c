/* Events as an upstream service sends them. */
#include <stdio.h>

#include "bench/planner/bench.h"
#include "core/base/clock.h"

enum { TEXT = 96, KIB = 1024 };

/* splitmix64: https://prng.di.unimi.it/splitmix64.c */
static uint64_t mix(uint64_t z)
{
    z = (z + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void put_event(int64_t file, int64_t serial)
{
    char path[TEXT];
    char id[TEXT];
    char etag[TEXT];
    char key[2 * TEXT];
    uint64_t bits = mix((uint64_t)file);
    (void)snprintf(path, sizeof(path), "archive/%03x/%03x/%08lld.dat", (unsigned)(bits & 0xfff),
                   (unsigned)(bits >> 12 & 0xfff), (long long)file);
    (void)snprintf(id, sizeof(id), "e-%012lld", (long long)serial);
    (void)snprintf(etag, sizeof(etag), "%016llx", (unsigned long long)mix(bits + (uint64_t)serial));
    (void)snprintf(key, sizeof(key), "a:%s", path);
    const struct wb_file_event event = {.id = id,
                                        .time_ms = wb_clock_wall_ms(),
                                        .kind = WB_EVENT_WRITTEN,
                                        .node = "a",
                                        .path = wb_span_str(path),
                                        .size_bytes = (int64_t)(bits >> 32) % (64 * KIB),
                                        .mtime_ns = wb_clock_wall_ns(),
                                        .etag = etag};
    bench_append(WB_TOPIC_EVENTS, wb_home_partition("a", event.path, SIM_PARTITIONS),
                 wb_span_str(key), WB_RECORD_FILE_EVENT, &event);
}

static int64_t serial;

void bench_events_put(int64_t first, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        put_event(first + i, serial++);
}

void bench_events_known(int64_t below, int64_t count)
{
    for (int64_t i = 0; i < count; i++, serial++)
        put_event((int64_t)(mix((uint64_t)serial) % (uint64_t)below), serial);
}
