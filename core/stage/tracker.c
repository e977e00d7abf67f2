/* A ring of offsets in order of their taking; the head moves on over those that are done. */
#include "core/stage/tracker.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"

enum { FIRST_SIZE = 64 };

struct slot {
    int64_t offset;
    bool done;
};

struct wb_tracker {
    struct slot *slots;
    size_t size; /* a power of two */
    size_t head;
    size_t count;
    int64_t safe;
};

struct wb_tracker *wb_tracker_new(void)
{
    struct wb_tracker *tracker = wb_xcalloc(1, sizeof(*tracker));
    tracker->size = FIRST_SIZE;
    tracker->slots = wb_xcalloc(tracker->size, sizeof(*tracker->slots));
    tracker->safe = -1;
    return tracker;
}

void wb_tracker_free(struct wb_tracker **tracker)
{
    if (!*tracker)
        return;
    free((*tracker)->slots);
    free(*tracker);
    *tracker = NULL;
}

static struct slot *at(const struct wb_tracker *tracker, size_t index)
{
    return &tracker->slots[(tracker->head + index) & (tracker->size - 1)];
}

static void grow(struct wb_tracker *tracker)
{
    struct slot *slots = wb_xcalloc(2 * tracker->size, sizeof(*slots));
    for (size_t i = 0; i < tracker->count; i++)
        slots[i] = *at(tracker, i);
    free(tracker->slots);
    tracker->slots = slots;
    tracker->size *= 2;
    tracker->head = 0;
}

void wb_tracker_take(struct wb_tracker *tracker, int64_t offset)
{
    if (tracker->count == tracker->size)
        grow(tracker);
    *at(tracker, tracker->count++) = (struct slot){.offset = offset};
}

/* Offsets ascend: binary search. */
static struct slot *find(const struct wb_tracker *tracker, int64_t offset)
{
    size_t low = 0;
    size_t high = tracker->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at(tracker, middle)->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < tracker->count && at(tracker, low)->offset == offset ? at(tracker, low) : NULL;
}

void wb_tracker_done(struct wb_tracker *tracker, int64_t offset)
{
    struct slot *slot = find(tracker, offset);
    if (!slot)
        return;
    slot->done = true;
    while (tracker->count > 0 && at(tracker, 0)->done) {
        tracker->safe = at(tracker, 0)->offset + 1;
        tracker->head = (tracker->head + 1) & (tracker->size - 1);
        tracker->count--;
    }
}

int64_t wb_tracker_safe(const struct wb_tracker *tracker)
{
    return tracker->safe;
}

int64_t wb_tracker_open(const struct wb_tracker *tracker)
{
    return (int64_t)tracker->count;
}
