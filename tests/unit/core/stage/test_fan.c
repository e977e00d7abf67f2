/* Items shared out among threads. */
#include "tests/check.h"

#include <pthread.h>
#include <stdatomic.h>

#include "core/stage/fan.h"

enum { ITEMS = 500, ROUNDS = 50, WIDTH = 8 };

struct fixture {
    struct wb_fan *fan;
    struct wb_arena *arena;
    atomic_int open;
    atomic_int done[ITEMS];
    const char *texts[ITEMS];
    pthread_barrier_t together;
};

static void *lane_open(void *arg)
{
    struct fixture *fixture = arg;
    atomic_int **lane = wb_xcalloc(1, sizeof(*lane));
    atomic_fetch_add(&fixture->open, 1);
    *lane = &fixture->open;
    return lane;
}

static void lane_close(void *state)
{
    atomic_int **lane = state;
    atomic_fetch_sub(*lane, 1);
    free(lane);
}

static int set_up(void **state)
{
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    fixture->arena = wb_arena_new(64 << 20);
    fixture->fan = wb_fan_new(lane_open, lane_close, fixture, 1 << 20);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wb_fan_free(&fixture->fan);
    assert_int_equal(atomic_load(&fixture->open), 0);
    wb_arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static void note(void *arg, void *lane, struct wb_arena *arena, size_t index)
{
    struct fixture *fixture = arg;
    assert_non_null(lane);
    atomic_fetch_add(&fixture->done[index], 1);
    fixture->texts[index] = wb_arena_printf(arena, "item %zu", index);
}

static void run(struct fixture *fixture, int32_t width, size_t count)
{
    char text[32];
    for (size_t i = 0; i < ITEMS; i++)
        atomic_store(&fixture->done[i], 0);
    wb_fan_run(fixture->fan, width, count, fixture->arena, note, fixture);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(atomic_load(&fixture->done[i]), i < count ? 1 : 0);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof(text), "item %zu", i);
        assert_string_equal(fixture->texts[i], text);
    }
}

static void each_item_is_done_once_and_what_it_made_stays(void **state)
{
    struct fixture *fixture = *state;
    for (int round = 0; round < ROUNDS; round++) {
        run(fixture, 1 + round % WIDTH, (size_t)(round * 37 % ITEMS));
        wb_arena_reset(fixture->arena);
    }
    run(fixture, 10 * WB_FAN_MOST, ITEMS);
}

static void meet(void *arg, void *lane, struct wb_arena *arena, size_t index)
{
    struct fixture *fixture = arg;
    (void)lane;
    (void)arena;
    (void)index;
    (void)pthread_barrier_wait(&fixture->together);
}

/* Ends only when so many items are under way at once. */
static void items_are_under_way_together(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(pthread_barrier_init(&fixture->together, NULL, WIDTH), 0);
    wb_fan_run(fixture->fan, WIDTH, WIDTH, fixture->arena, meet, fixture);
    assert_int_equal(pthread_barrier_destroy(&fixture->together), 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(each_item_is_done_once_and_what_it_made_stays, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(items_are_under_way_together, set_up, tear_down),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
