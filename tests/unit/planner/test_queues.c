/* Jobs that wait or fly, and the lane that they count in. */
#include "tests/check.h"

#include "planner/shell.h"

struct waiting {
    struct wb_shell shell;
    struct wb_node_view source;
    struct wb_node_view target;
    struct wb_job job;
    struct wb_loaded loaded;
};

static int set_up(void **state)
{
    struct waiting *waiting = wb_xcalloc(1, sizeof(*waiting));
    waiting->shell.queues = wb_map_new(free);
    waiting->shell.nodes = wb_map_new(NULL);
    wb_map_put(waiting->shell.nodes, wb_span_str("a"), &waiting->source);
    wb_map_put(waiting->shell.nodes, wb_span_str("b"), &waiting->target);
    waiting->job = (struct wb_job){
        .source = "a",
        .target = "b",
        .path = wb_span_str("x"),
        .rule = "all",
        .state = WB_JOB_WAITING,
        .event = {.kind = WB_EVENT_WRITTEN, .claim = {.size_bytes = 100, .etag = ""}}};
    waiting->loaded.policy = (struct wb_policy){.rule = "all",
                                                .strategy = WB_STRATEGY_AUTO,
                                                .batch_below_bytes = 1000,
                                                .direct_below_bytes = 10000};
    waiting->loaded.link = (struct wb_link){.source = "a", .target = "b", .job = &waiting->job};
    wb_queue_recount(&waiting->shell, &waiting->loaded);
    *state = waiting;
    return 0;
}

static int tear_down(void **state)
{
    struct waiting *waiting = *state;
    wb_map_free(&waiting->shell.queues);
    wb_map_free(&waiting->shell.nodes);
    free(waiting);
    return 0;
}

static int64_t waits_in(const struct waiting *waiting, enum wb_lane lane)
{
    return waiting->loaded.queue->count[lane][WB_STANDING_WAITING];
}

static void a_job_whose_rule_sends_it_to_the_other_lane_waits_there(void **state)
{
    struct waiting *waiting = *state;
    assert_true(wb_link_stands_in(&waiting->shell, &waiting->loaded, WB_LANE_SMALL));
    assert_false(waiting->loaded.link.job_dirty);
    waiting->loaded.policy.strategy = WB_STRATEGY_CHUNKED;
    assert_false(wb_link_stands_in(&waiting->shell, &waiting->loaded, WB_LANE_SMALL));
    assert_true(waiting->loaded.link.job_dirty);
    assert_int_equal(waits_in(waiting, WB_LANE_SMALL), 0);
    assert_int_equal(waits_in(waiting, WB_LANE_LARGE), 1);
    assert_true(wb_link_stands_in(&waiting->shell, &waiting->loaded, WB_LANE_LARGE));
}

static void a_job_in_flight_stays_in_the_lane_that_gave_it_room(void **state)
{
    struct waiting *waiting = *state;
    waiting->job.state = WB_JOB_COPYING;
    wb_queue_recount(&waiting->shell, &waiting->loaded);
    waiting->loaded.policy.strategy = WB_STRATEGY_CHUNKED;
    waiting->job.state = WB_JOB_PUBLISHING;
    wb_queue_recount(&waiting->shell, &waiting->loaded);
    assert_int_equal(waiting->target.flight[WB_SIDE_TARGET][WB_LANE_SMALL], 1);
    assert_int_equal(waiting->target.flight[WB_SIDE_TARGET][WB_LANE_LARGE], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_whose_rule_sends_it_to_the_other_lane_waits_there,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_in_flight_stays_in_the_lane_that_gave_it_room, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
