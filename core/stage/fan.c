#include "core/stage/fan.h"

#include <pthread.h>
#include <stdlib.h>

struct lane {
    struct wb_fan *fan;
    pthread_t thread;
    void *state;
    struct wb_arena *arena;
    uint64_t run; /* that it has worked in last */
};

struct wb_fan {
    void *(*lane_open)(void *arg);
    void (*lane_close)(void *lane);
    void *arg;
    size_t arena_bytes;
    void *own; /* state of the caller's thread */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t begun;
    pthread_cond_t done;
    struct lane lanes[WB_FAN_MOST - 1];
    size_t lane_count;
    bool closing;

    /* the run */
    uint64_t run;
    size_t width; /* lanes that take part */
    size_t busy;
    size_t next;
    size_t count;
    wb_fan_work *work;
    void *work_arg;
};

/* Takes items until there are none. The lock is held by the caller, and not while an item is done.
 */
static void take_items(struct wb_fan *fan, void *state, struct wb_arena *arena)
{
    while (fan->next < fan->count) {
        size_t index = fan->next++;
        pthread_mutex_unlock(&fan->lock);
        fan->work(fan->work_arg, state, arena, index);
        pthread_mutex_lock(&fan->lock);
    }
}

static void *run_lane(void *arg)
{
    struct lane *lane = arg;
    struct wb_fan *fan = lane->fan;
    size_t number = (size_t)(lane - fan->lanes);
    lane->state = fan->lane_open(fan->arg);
    pthread_mutex_lock(&fan->lock);
    while (!fan->closing) {
        if (lane->run == fan->run || number >= fan->width) {
            pthread_cond_wait(&fan->begun, &fan->lock);
            continue;
        }
        lane->run = fan->run;
        take_items(fan, lane->state, lane->arena);
        if (--fan->busy == 0)
            pthread_cond_signal(&fan->done);
    }
    pthread_mutex_unlock(&fan->lock);
    fan->lane_close(lane->state);
    return NULL;
}

struct wb_fan *wb_fan_new(void *(*lane_open)(void *arg), void (*lane_close)(void *lane), void *arg,
                          size_t arena_bytes)
{
    struct wb_fan *fan = wb_xcalloc(1, sizeof(*fan));
    fan->lane_open = lane_open;
    fan->lane_close = lane_close;
    fan->arg = arg;
    fan->arena_bytes = arena_bytes;
    fan->own = lane_open(arg);
    pthread_mutex_init(&fan->lock, NULL);
    pthread_cond_init(&fan->begun, NULL);
    pthread_cond_init(&fan->done, NULL);
    return fan;
}

void wb_fan_free(struct wb_fan **handle)
{
    struct wb_fan *fan = *handle;
    if (!fan)
        return;
    pthread_mutex_lock(&fan->lock);
    fan->closing = true;
    pthread_cond_broadcast(&fan->begun);
    pthread_mutex_unlock(&fan->lock);
    for (size_t i = 0; i < fan->lane_count; i++) {
        (void)pthread_join(fan->lanes[i].thread, NULL);
        wb_arena_free(&fan->lanes[i].arena);
    }
    fan->lane_close(fan->own);
    pthread_cond_destroy(&fan->begun);
    pthread_cond_destroy(&fan->done);
    pthread_mutex_destroy(&fan->lock);
    free(fan);
    *handle = NULL;
}

/* The lock is held: a lane looks at the run only when all are there. */
static size_t lanes_for(struct wb_fan *fan, size_t wanted)
{
    while (fan->lane_count < wanted) {
        struct lane *lane = &fan->lanes[fan->lane_count];
        lane->fan = fan;
        lane->run = fan->run;
        lane->arena = wb_arena_new(fan->arena_bytes);
        if (pthread_create(&lane->thread, NULL, run_lane, lane) != 0) {
            wb_arena_free(&lane->arena);
            break;
        }
        fan->lane_count++;
    }
    return fan->lane_count < wanted ? fan->lane_count : wanted;
}

void wb_fan_run(struct wb_fan *fan, int32_t width, size_t count, struct wb_arena *arena,
                wb_fan_work *work, void *arg)
{
    size_t most = width < WB_FAN_MOST ? (size_t)width : WB_FAN_MOST;
    most = most < count ? most : count;
    pthread_mutex_lock(&fan->lock);
    fan->next = 0;
    fan->count = count;
    fan->work = work;
    fan->work_arg = arg;
    fan->width = fan->busy = most > 1 ? lanes_for(fan, most - 1) : 0;
    fan->run++;
    if (fan->width)
        pthread_cond_broadcast(&fan->begun);
    take_items(fan, fan->own, arena);
    while (fan->busy)
        pthread_cond_wait(&fan->done, &fan->lock);
    pthread_mutex_unlock(&fan->lock);
    for (size_t i = 0; i < fan->width; i++)
        wb_arena_adopt(arena, fan->lanes[i].arena);
}
