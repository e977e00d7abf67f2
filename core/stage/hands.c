#include "core/stage/hands.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/clock.h"

enum { MOST_TIMES = 3 };

struct wb_hand {
    struct wb_hands *hands;
    pthread_t thread;
    bool started; /* and not joined yet */
    atomic_bool ended;
    atomic_bool replaced;
    atomic_llong beat_ms; /* 0: no work */
};

struct wb_hands {
    wb_hands_work *work;
    void *arg;
    size_t most;
    struct wb_hand *list;
};

static void *run(void *arg)
{
    struct wb_hand *hand = arg;
    hand->hands->work(hand->hands->arg, hand);
    atomic_store(&hand->ended, true);
    return NULL;
}

static void join(struct wb_hand *hand)
{
    if (hand->started)
        (void)pthread_join(hand->thread, NULL);
    hand->started = false;
}

/* False when there are enough, or the system has no more. */
static bool start_one(struct wb_hands *hands)
{
    size_t at = 0;
    while (at < hands->most && hands->list[at].started && !atomic_load(&hands->list[at].ended))
        at++;
    if (at == hands->most)
        return false;
    struct wb_hand *hand = &hands->list[at];
    join(hand);
    hand->hands = hands;
    atomic_store(&hand->ended, false);
    atomic_store(&hand->replaced, false);
    atomic_store(&hand->beat_ms, 0);
    hand->started = pthread_create(&hand->thread, NULL, run, hand) == 0;
    return hand->started;
}

enum wb_rc wb_hands_new(wb_hands_work *work, void *arg, size_t count, struct wb_hands **ret,
                        struct wb_err *err)
{
    struct wb_hands *hands = wb_xcalloc(1, sizeof(*hands));
    hands->work = work;
    hands->arg = arg;
    hands->most = count * MOST_TIMES;
    hands->list = wb_xcalloc(hands->most, sizeof(*hands->list));
    *ret = hands;
    for (size_t i = 0; i < count; i++)
        if (!start_one(hands))
            return wb_err_set(err, WB_CAT_INTERNAL, "cannot start a thread");
    return WB_OK;
}

void wb_hands_free(struct wb_hands **hands)
{
    if (!*hands)
        return;
    for (size_t i = 0; i < (*hands)->most; i++)
        join(&(*hands)->list[i]);
    free((*hands)->list);
    free(*hands);
    *hands = NULL;
}

void wb_hand_beat(struct wb_hand *hand)
{
    if (hand)
        atomic_store_explicit(&hand->beat_ms, wb_clock_mono_ms(), memory_order_relaxed);
}

void wb_hand_rest(struct wb_hand *hand)
{
    atomic_store_explicit(&hand->beat_ms, 0, memory_order_relaxed);
}

bool wb_hand_is_replaced(const struct wb_hand *hand)
{
    return atomic_load(&hand->replaced);
}

static bool hangs(const struct wb_hand *hand, int64_t before_ms)
{
    int64_t beat_ms = atomic_load_explicit(&hand->beat_ms, memory_order_relaxed);
    return hand->started && !atomic_load(&hand->replaced) && beat_ms != 0 && beat_ms < before_ms;
}

size_t wb_hands_watch(struct wb_hands *hands, int64_t now_ms, int64_t stall_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < hands->most; i++) {
        if (!hangs(&hands->list[i], now_ms - stall_ms) || !start_one(hands))
            continue;
        atomic_store(&hands->list[i].replaced, true);
        count++;
    }
    return count;
}
