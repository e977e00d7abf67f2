/* What reports say of nodes, as the planner's shell takes it in. */
#include "tests/check.h"

#include "core/base/metrics.h"
#include "planner/shell.h"

struct fixture {
    struct wb_stage_env env;
    struct wb_shell shell;
    struct wb_node_view *b;
};

static struct wb_node_view *add_node(struct fixture *fixture, const char *name)
{
    struct wb_node_view *node = wb_xcalloc(1, sizeof(*node));
    (void)snprintf(node->name, sizeof(node->name), "%s", name);
    for (int side = 0; side < WB_SIDE_COUNT; side++) {
        wb_side_init(&node->side[side], &fixture->shell.health, NULL, fixture->shell.now_ms);
        node->window[side] = node->state[side] =
            wb_metrics_get(fixture->env.metrics, WB_METRIC_GAUGE, "test", "Of a test.", "");
    }
    wb_map_put(fixture->shell.nodes, wb_span_str(name), node);
    return node;
}

static int set_up(void **state)
{
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    fixture->env.metrics = wb_metrics_new();
    fixture->shell =
        (struct wb_shell){.env = &fixture->env,
                          .nodes = wb_map_new(free),
                          .now_ms = 1000000,
                          .turn = 1,
                          .health = {.sick_after = 9, .slow_factor = 100, .window_most = 8}};
    (void)add_node(fixture, "a");
    fixture->b = add_node(fixture, "b");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wb_map_free(&fixture->shell.nodes);
    wb_metrics_free(&fixture->env.metrics);
    free(fixture);
    return 0;
}

static void fail_at_b(struct fixture *fixture)
{
    struct wb_err why = {
        .scope = WB_SCOPE_TARGET, .category = WB_CAT_UNREACHABLE, .retryable = true};
    struct wb_result result = {.outcome = WB_OUTCOME_FAILED,
                               .started_ms = fixture->shell.now_ms - 10,
                               .duration_ms = 10,
                               .error = &why};
    const struct wb_report report = {.op = WB_OP_COPY,
                                     .source = "a",
                                     .from = "",
                                     .target = "b",
                                     .results = &result,
                                     .result_count = 1};
    (void)wb_nodes_outcome(&fixture->shell, &report, &result, NULL, WB_INPUT_REPORT);
}

/* Two files of one task, of which the first says nothing of the target. */
static void a_failure_counts_behind_one_at_the_other_node(void **state)
{
    struct fixture *fixture = *state;
    const struct wb_side_state *target = &fixture->b->side[WB_SIDE_TARGET];
    struct wb_err at_source = {.scope = WB_SCOPE_SOURCE, .category = WB_CAT_IO, .retryable = true};
    struct wb_err at_target = {
        .scope = WB_SCOPE_TARGET, .category = WB_CAT_UNREACHABLE, .retryable = true};
    struct wb_result results[3] = {
        {.error = &at_source}, {.error = &at_target}, {.error = &at_target}};
    const struct wb_report report = {.op = WB_OP_COPY,
                                     .source = "a",
                                     .from = "",
                                     .target = "b",
                                     .results = results,
                                     .result_count = 3};
    for (size_t i = 0; i < 3; i++) {
        results[i].started_ms = fixture->shell.now_ms - 10;
        (void)wb_nodes_outcome(&fixture->shell, &report, &results[i], i ? &results[i - 1] : NULL,
                               WB_INPUT_REPORT);
    }
    assert_int_equal(target->failures, 1);
}

static void a_turn_that_is_undone_counts_once(void **state)
{
    struct fixture *fixture = *state;
    const struct wb_side_state *target = &fixture->b->side[WB_SIDE_TARGET];
    fail_at_b(fixture);
    fixture->shell.turn++;
    assert_int_equal(target->failures, 1);
    int64_t window = target->window_milli;
    fail_at_b(fixture);
    assert_int_equal(target->failures, 2);
    wb_nodes_undo(&fixture->shell);
    assert_int_equal(target->failures, 1);
    assert_int_equal(target->window_milli, window);
    fixture->shell.turn++;
    fail_at_b(fixture);
    assert_int_equal(target->failures, 2);
}

static void a_probe_of_an_unknown_node_says_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct wb_result result = {.path = wb_span_str("target"), .outcome = WB_OUTCOME_CHECKED};
    const struct wb_report report = {.op = WB_OP_CHECK,
                                     .source = "forged",
                                     .target = "forged",
                                     .results = &result,
                                     .result_count = 1};
    wb_nodes_probed(&fixture->shell, &report);
    assert_null(wb_map_get(fixture->shell.nodes, wb_span_str("forged")));
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(a_turn_that_is_undone_counts_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_counts_behind_one_at_the_other_node, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_probe_of_an_unknown_node_says_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
