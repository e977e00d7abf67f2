/* The trace: every note changes its hash; the text is made only when somebody reads it. */
#include <inttypes.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/path.h"
#include "tests/sim/sim.h"

enum { SHOWN = 100 };

struct trace {
    uint64_t hash;
    FILE *out;
};

static struct trace trace;

void sim_trace_begin(FILE *out)
{
    trace.hash = 0xcbf29ce484222325;
    trace.out = out;
}

uint64_t sim_trace_hash(void)
{
    return trace.hash;
}

static void mix(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++)
        trace.hash = (trace.hash ^ bytes[i]) * 0x100000001b3;
}

static void write_line(const char *what, struct wb_span name, int64_t a, int64_t b)
{
    char shown[SHOWN];
    const struct sim_proc *self = sim_self();
    (void)fprintf(trace.out, "%12.6f %-10s %-18s %-40s %" PRId64 " %" PRId64 "\n",
                  (double)sim_now_ns() / 1e9, self ? self->name : "-", what,
                  wb_path_show(name, shown, sizeof(shown)), a, b);
}

void sim_note(const char *what, struct wb_span name, int64_t a, int64_t b)
{
    const struct sim_proc *self = sim_self();
    int64_t numbers[] = {sim_now_ns(), self ? self->index + 1 : 0, a, b};
    mix(what, strlen(what));
    mix(name.data, name.len);
    trace.hash ^= wb_hash64_of(wb_span_of(numbers, sizeof(numbers)));
    if (trace.out)
        write_line(what, name, a, b);
}

void sim_note_plain(const char *what, int64_t a, int64_t b)
{
    sim_note(what, wb_span_of(NULL, 0), a, b);
}
