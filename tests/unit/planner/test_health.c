/* A node's side through failures, probes and recovery, by its own clock. */
#include "tests/check.h"

#include "planner/health.h"

struct bed {
    struct wb_health_policy policy;
    struct wb_side_state side;
    int64_t now_ms;
};

static int set_up(void **state)
{
    struct bed *bed = wb_xcalloc(1, sizeof(*bed));
    bed->policy = (struct wb_health_policy){.sick_after = 3,
                                            .recover_after = 2,
                                            .slow_factor = 8,
                                            .probe_every_ms = 5000,
                                            .hold_least_ms = 5000,
                                            .hold_most_ms = 300000,
                                            .min_free_bytes = 1000,
                                            .window_least = 1,
                                            .window_most = 32};
    bed->now_ms = 1000000;
    wb_side_init(&bed->side, &bed->policy, NULL, bed->now_ms);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static struct wb_health_change fails(struct bed *bed, enum wb_category category)
{
    struct wb_err err;
    (void)wb_err_at(&err, WB_SCOPE_TARGET, "copy", category, "on purpose");
    return wb_side_outcome(&bed->side, &bed->policy, &err, 1, bed->now_ms);
}

static struct wb_health_change works(struct bed *bed, int64_t took_ms)
{
    return wb_side_outcome(&bed->side, &bed->policy, NULL, took_ms, bed->now_ms);
}

static void probe(struct bed *bed, bool good)
{
    struct wb_err err;
    (void)wb_err_at(&err, WB_SCOPE_TARGET, "check", WB_CAT_UNREACHABLE, "away");
    (void)wb_side_probed(&bed->side, &bed->policy, good ? NULL : &err, 5000, 1, bed->now_ms);
}

static void make_sick(struct bed *bed)
{
    for (int i = 0; i < 3; i++)
        (void)fails(bed, WB_CAT_UNREACHABLE);
    assert_int_equal(bed->side.state, WB_NODE_SICK);
}

/* Probes until the trial begins; how long that took. */
static int64_t recover(struct bed *bed)
{
    int64_t begin_ms = bed->now_ms;
    for (int i = 0; i < 1000 && bed->side.state == WB_NODE_SICK; i++) {
        bed->now_ms += 1000;
        if (wb_side_probe_due(&bed->side, &bed->policy, bed->now_ms))
            probe(bed, true);
    }
    assert_true(bed->side.trial);
    return bed->now_ms - begin_ms;
}

static void failures_in_a_row_make_a_side_sick(void **state)
{
    struct bed *bed = *state;
    assert_null(fails(bed, WB_CAT_DENIED).state); /* one file's */
    assert_string_equal(fails(bed, WB_CAT_IO).state, "degraded");
    (void)works(bed, 1);
    assert_int_equal(bed->side.state, WB_NODE_UP);
    make_sick(bed);
    assert_false(wb_side_open(&bed->side, bed->now_ms + 1000000000));
}

static void a_sick_side_recovers_by_probes_then_a_trickle_then_all(void **state)
{
    struct bed *bed = *state;
    make_sick(bed);
    (void)works(bed, 1); /* begun before it fell sick */
    assert_int_equal(bed->side.state, WB_NODE_SICK);
    (void)recover(bed);
    assert_true(wb_side_open(&bed->side, bed->now_ms));
    assert_int_equal(wb_side_window(&bed->side, &bed->policy), 1);
    for (int i = 0; i < 40; i++)
        (void)works(bed, 1);
    assert_int_equal(bed->side.state, WB_NODE_UP);
    assert_int_equal(wb_side_window(&bed->side, &bed->policy), 32);
}

static void each_relapse_is_held_longer_up_to_a_limit(void **state)
{
    struct bed *bed = *state;
    int64_t before_ms = 0;
    make_sick(bed);
    for (int i = 0; i < 12; i++) {
        int64_t took_ms = recover(bed);
        assert_true(took_ms >= before_ms);
        before_ms = took_ms;
        assert_string_equal(fails(bed, WB_CAT_TIMEOUT).state, "sick");
    }
    assert_true(before_ms >= 290000 && before_ms <= 320000);
}

static void errors_of_the_medium_are_the_nodes_only_if_a_probe_meets_them(void **state)
{
    struct bed *bed = *state;
    struct wb_err err;
    for (int i = 0; i < 100; i++)
        (void)fails(bed, WB_CAT_IO);
    assert_int_equal(bed->side.state, WB_NODE_DEGRADED);
    assert_true(bed->side.probe_due_ms <= bed->now_ms + 1250);
    (void)wb_err_at(&err, WB_SCOPE_TARGET, "check", WB_CAT_IO, "broken");
    for (int i = 0; i < 3; i++)
        (void)wb_side_probed(&bed->side, &bed->policy, &err, -1, 1, bed->now_ms);
    assert_int_equal(bed->side.state, WB_NODE_SICK);
}

static void a_full_target_is_sick_until_there_is_room(void **state)
{
    struct bed *bed = *state;
    (void)works(bed, 1);
    (void)wb_side_probed(&bed->side, &bed->policy, NULL, 999, 1, bed->now_ms);
    assert_int_equal(bed->side.state, WB_NODE_SICK);
    assert_int_equal(bed->side.error.category, WB_CAT_NO_SPACE);
    assert_string_equal(bed->side.error.text, "less than 1000 B is free (planner.min_free)");
    (void)recover(bed);
}

static void only_failures_of_a_sick_side_are_excused(void **state)
{
    struct bed *bed = *state;
    struct wb_err err;
    (void)wb_err_set(&err, WB_CAT_UNREACHABLE, "away");
    assert_false(wb_side_excuses(&bed->side, &err, bed->now_ms));
    make_sick(bed);
    assert_true(wb_side_excuses(&bed->side, &err, bed->now_ms));
    err.category = WB_CAT_DENIED;
    assert_false(wb_side_excuses(&bed->side, &err, bed->now_ms));
    (void)recover(bed);
    err.category = WB_CAT_UNREACHABLE;
    assert_true(wb_side_excuses(&bed->side, &err, bed->now_ms - 1)); /* begun before the trial */
    assert_false(wb_side_excuses(&bed->side, &err, bed->now_ms));
}

static void the_window_is_halved_and_grows_again(void **state)
{
    struct bed *bed = *state;
    bed->now_ms += 10000;
    assert_string_equal(fails(bed, WB_CAT_IO).window, "failure");
    assert_int_equal(wb_side_window(&bed->side, &bed->policy), 16);
    assert_null(fails(bed, WB_CAT_IO).window); /* at most once a second */
    (void)works(bed, 1);
    for (int i = 0; i < 17; i++)
        (void)works(bed, 1);
    assert_int_equal(wb_side_window(&bed->side, &bed->policy), 17); /* one more a window */
    for (int i = 0; i < 1000; i++)
        (void)works(bed, 1);
    assert_int_equal(wb_side_window(&bed->side, &bed->policy), 32);
}

static void a_side_that_has_become_slow_is_degraded_and_given_less(void **state)
{
    struct bed *bed = *state;
    for (int i = 0; i < 200; i++)
        (void)works(bed, 5);
    for (int i = 0; i < 30; i++) {
        bed->now_ms += 1000;
        (void)works(bed, 500);
    }
    assert_int_equal(bed->side.state, WB_NODE_DEGRADED);
    assert_true(wb_side_window(&bed->side, &bed->policy) < 8);
    assert_string_equal(wb_side_reason(&bed->side), "slow");
    assert_int_equal(wb_latency_at(&bed->side.latency, 50), 8);
    assert_int_equal(wb_latency_at(&bed->side.latency, 99), 512);
    for (int i = 0; i < 200; i++)
        (void)works(bed, 5);
    assert_int_equal(bed->side.state, WB_NODE_UP);
}

static void who_asks_to_wait_is_waited_for(void **state)
{
    struct bed *bed = *state;
    struct wb_err err;
    (void)wb_err_set(&err, WB_CAT_THROTTLED, "slow down");
    err.retry_after_ms = 30000;
    (void)wb_side_outcome(&bed->side, &bed->policy, &err, 1, bed->now_ms);
    assert_false(wb_side_open(&bed->side, bed->now_ms + 29999));
    assert_true(wb_side_open(&bed->side, bed->now_ms + 30000));
}

static void what_a_former_planner_knew_is_kept(void **state)
{
    struct bed *bed = *state;
    const struct wb_side_health known = {.state = WB_NODE_SICK, .since_ms = 7};
    wb_side_init(&bed->side, &bed->policy, &known, bed->now_ms);
    assert_int_equal(bed->side.state, WB_NODE_SICK);
    assert_int_equal(bed->side.since_ms, 7);
    assert_true(wb_side_probe_due(&bed->side, &bed->policy, bed->now_ms));
    assert_false(wb_side_probe_due(&bed->side, &bed->policy, bed->now_ms));
}

#define HEALTH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HEALTH_TEST(failures_in_a_row_make_a_side_sick),
        HEALTH_TEST(a_sick_side_recovers_by_probes_then_a_trickle_then_all),
        HEALTH_TEST(each_relapse_is_held_longer_up_to_a_limit),
        HEALTH_TEST(errors_of_the_medium_are_the_nodes_only_if_a_probe_meets_them),
        HEALTH_TEST(a_full_target_is_sick_until_there_is_room),
        HEALTH_TEST(only_failures_of_a_sick_side_are_excused),
        HEALTH_TEST(the_window_is_halved_and_grows_again),
        HEALTH_TEST(a_side_that_has_become_slow_is_degraded_and_given_less),
        HEALTH_TEST(who_asks_to_wait_is_waited_for),
        HEALTH_TEST(what_a_former_planner_knew_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
