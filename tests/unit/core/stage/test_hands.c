/* Threads that hang until a test lets them go. */
#include "tests/check.h"

#include <pthread.h>
#include <sched.h>

#include "core/base/clock.h"
#include "core/stage/hands.h"

enum { STALL_MS = 1000 };

/* Work comes in pieces; every piece up to `hang` hangs until `go`. */
struct work {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int pieces;
    int hang;
    int hanging;
    int done;
    int left; /* threads that ended because they were replaced */
    bool go;
    bool end;
};

static bool take(struct work *work, int *ret_piece)
{
    while (!work->end && work->pieces == 0)
        (void)pthread_cond_wait(&work->changed, &work->lock);
    if (work->end && work->pieces == 0)
        return false;
    *ret_piece = work->pieces--;
    return true;
}

static void do_piece(struct work *work, struct wb_hand *hand, int piece)
{
    wb_hand_beat(hand);
    if (piece <= work->hang) {
        work->hanging++;
        (void)pthread_cond_broadcast(&work->changed);
        while (!work->go)
            (void)pthread_cond_wait(&work->changed, &work->lock);
        work->hanging--;
    }
    work->done++;
    wb_hand_rest(hand);
    (void)pthread_cond_broadcast(&work->changed);
}

static void run(void *arg, struct wb_hand *hand)
{
    int piece;
    struct work *work = arg;
    (void)pthread_mutex_lock(&work->lock);
    while (!wb_hand_is_replaced(hand) && take(work, &piece))
        do_piece(work, hand, piece);
    work->left += wb_hand_is_replaced(hand);
    (void)pthread_cond_broadcast(&work->changed);
    (void)pthread_mutex_unlock(&work->lock);
}

static void await(struct work *work, const int *what, int want)
{
    (void)pthread_mutex_lock(&work->lock);
    while (*what != want)
        (void)pthread_cond_wait(&work->changed, &work->lock);
    (void)pthread_mutex_unlock(&work->lock);
}

static void change(struct work *work, int pieces, int hang, bool go, bool end)
{
    (void)pthread_mutex_lock(&work->lock);
    work->pieces += pieces;
    work->hang = hang;
    work->go = go;
    work->end = end;
    (void)pthread_cond_broadcast(&work->changed);
    (void)pthread_mutex_unlock(&work->lock);
}

static void a_thread_that_hangs_gets_another_beside_it(void **state)
{
    struct wb_err err;
    struct wb_hands *hands;
    struct work work = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    (void)state;
    check_ok(wb_hands_new(run, &work, 1, &hands, &err));
    change(&work, 1, 1, false, false);
    await(&work, &work.hanging, 1);
    int64_t now_ms = wb_clock_mono_ms();
    assert_int_equal(wb_hands_watch(hands, now_ms, STALL_MS), 0);
    assert_int_equal(wb_hands_watch(hands, now_ms + 2 * STALL_MS, STALL_MS), 1);
    assert_int_equal(wb_hands_watch(hands, now_ms + 2 * STALL_MS, STALL_MS), 0);
    change(&work, 3, 0, false, false);
    await(&work, &work.done, 3);
    change(&work, 0, 0, true, false);
    await(&work, &work.left, 1);
    change(&work, 2, 0, true, false);
    await(&work, &work.done, 6);
    change(&work, 0, 0, true, true);
    wb_hands_free(&hands);
    assert_int_equal(work.left, 1);
}

static int64_t later_ms(void)
{
    return wb_clock_mono_ms() + 2 * STALL_MS;
}

/* A thread that came back may be about to end still; then there is no room yet. */
static void replace(struct wb_hands *hands, size_t count)
{
    for (size_t replaced = 0; replaced < count;) {
        replaced += wb_hands_watch(hands, later_ms(), STALL_MS);
        (void)sched_yield();
    }
}

static void there_is_an_end_to_replacing_until_they_come_back(void **state)
{
    struct wb_err err;
    struct wb_hands *hands;
    struct work work = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    (void)state;
    check_ok(wb_hands_new(run, &work, 1, &hands, &err));
    for (int round = 0; round < 2; round++) {
        change(&work, 3, 3, false, false);
        replace(hands, 2);
        await(&work, &work.hanging, 3);
        assert_int_equal(wb_hands_watch(hands, later_ms(), STALL_MS), 0);
        change(&work, 0, 3, true, false);
        await(&work, &work.done, 3 * (round + 1));
        await(&work, &work.left, 2 * (round + 1));
    }
    change(&work, 0, 0, true, true);
    wb_hands_free(&hands);
}

static void a_thread_without_work_does_not_hang(void **state)
{
    struct wb_err err;
    struct wb_hands *hands;
    struct work work = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    (void)state;
    check_ok(wb_hands_new(run, &work, 2, &hands, &err));
    assert_int_equal(wb_hands_watch(hands, INT64_MAX / 2, STALL_MS), 0);
    change(&work, 0, 0, true, true);
    wb_hands_free(&hands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_hangs_gets_another_beside_it),
        cmocka_unit_test(there_is_an_end_to_replacing_until_they_come_back),
        cmocka_unit_test(a_thread_without_work_does_not_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
