#include "core/stage/tracker.h"
#include "tests/check.h"

static void nothing_is_safe_before_the_first_is_done(void **state)
{
    (void)state;
    struct wb_tracker *tracker = wb_tracker_new();
    assert_int_equal(wb_tracker_safe(tracker), -1);
    wb_tracker_take(tracker, 5);
    wb_tracker_take(tracker, 6);
    wb_tracker_done(tracker, 6);
    assert_int_equal(wb_tracker_safe(tracker), -1);
    assert_int_equal(wb_tracker_open(tracker), 2);
    wb_tracker_done(tracker, 5);
    assert_int_equal(wb_tracker_safe(tracker), 7);
    assert_int_equal(wb_tracker_open(tracker), 0);
    wb_tracker_free(&tracker);
}

static void gaps_and_strangers_change_nothing(void **state)
{
    (void)state;
    struct wb_tracker *tracker = wb_tracker_new();
    wb_tracker_take(tracker, 10);
    wb_tracker_take(tracker, 20);
    wb_tracker_done(tracker, 15);
    wb_tracker_done(tracker, 10);
    wb_tracker_done(tracker, 10);
    assert_int_equal(wb_tracker_safe(tracker), 11);
    wb_tracker_done(tracker, 20);
    assert_int_equal(wb_tracker_safe(tracker), 21);
    wb_tracker_free(&tracker);
}

/* Whatever the order of completion, what is safe is never past one that is not done. */
static void any_order_is_safe(void **state)
{
    enum { COUNT = 500 };
    bool done[COUNT] = {false};
    uint64_t random = 88172645463325252u;
    (void)state;
    struct wb_tracker *tracker = wb_tracker_new();
    for (int64_t i = 0; i < COUNT; i++)
        wb_tracker_take(tracker, i);
    for (int left = COUNT; left > 0;) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        size_t pick = random % COUNT;
        left -= !done[pick];
        done[pick] = true;
        wb_tracker_done(tracker, (int64_t)pick);
        int64_t first_open = 0;
        while (first_open < COUNT && done[first_open])
            first_open++;
        assert_int_equal(wb_tracker_safe(tracker), first_open ? first_open : -1);
    }
    wb_tracker_free(&tracker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_safe_before_the_first_is_done),
        cmocka_unit_test(gaps_and_strangers_change_nothing),
        cmocka_unit_test(any_order_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
