#include "planner/rules.h"
#include "tests/check.h"

static const char *to_b[] = {"b"};
static const char *to_bc[] = {"b", "c"};
static const char *to_a[] = {"a"};
static const char *to_c[] = {"c"};

static struct wb_rule rule(const char *name, const char *source, const char *pattern,
                           const char **targets, size_t count)
{
    return (struct wb_rule){.name = name,
                            .source = source,
                            .pattern = wb_span_str(pattern),
                            .targets = targets,
                            .target_count = count,
                            .strategy = WB_STRATEGY_AUTO,
                            .batch_below_bytes = -1,
                            .direct_below_bytes = -1};
}

static void a_rule_needs_a_pattern_and_another_target(void **state)
{
    struct wb_err err;
    (void)state;
    struct wb_rule fine = rule("r", "a", "**", to_b, 1);
    struct wb_rule self = rule("r", "b", "**", to_b, 1);
    struct wb_rule bare = rule("r", "a", "", to_b, 1);
    struct wb_rule nowhere = rule("r", "a", "**", to_b, 0);
    check_ok(wb_rule_check(&fine, &err));
    check_fails(wb_rule_check(&self, &err), WB_CAT_USAGE, "onto itself");
    check_fails(wb_rule_check(&bare, &err), WB_CAT_USAGE, "no pattern");
    check_fails(wb_rule_check(&nowhere, &err), WB_CAT_USAGE, "no target");
}

static void circles_are_refused_with_their_way(void **state)
{
    struct wb_err err;
    (void)state;
    struct wb_rule first = rule("one", "a", "**", to_b, 1);
    struct wb_rule second = rule("two", "b", "**", to_c, 1);
    struct wb_rule back = rule("three", "c", "**", to_a, 1);
    struct wb_rule replaced = rule("two", "b", "x/**", to_a, 1);
    struct wb_rule *rules[] = {&first, &second};
    check_ok(wb_rules_check_circle(rules, 1, &second, &err));
    check_fails(wb_rules_check_circle(rules, 2, &back, &err), WB_CAT_USAGE, "c -> a -> b -> c");
    check_fails(wb_rules_check_circle(rules, 2, &replaced, &err), WB_CAT_USAGE, "b -> a -> b");
}

static void rules_for_one_target_merge_to_the_strictest(void **state)
{
    (void)state;
    struct wb_arena *arena = wb_arena_new(1 << 20);
    struct wb_policy defaults = {.rule = "", .strategy = WB_STRATEGY_AUTO, .max_attempts = 8};
    struct wb_rule all = rule("all", "a", "**", to_bc, 2);
    struct wb_rule raw = rule("raw", "a", "raw/**", to_b, 1);
    struct wb_rule other = rule("other", "x", "**", to_c, 1);
    struct wb_rule *rules[] = {&all, &raw, &other};
    struct wb_route *routes;
    all.deletes = true;
    raw.options.sha256 = true;
    raw.strategy = WB_STRATEGY_DIRECT;
    raw.priority = 5;
    raw.attempts = 3;
    assert_int_equal(
        wb_rules_routes(rules, 3, &defaults, "a", wb_span_str("raw/x"), arena, &routes), 2);
    assert_string_equal(routes[0].target, "b");
    assert_true(routes[0].policy.options.sha256);
    assert_false(routes[0].policy.deletes);
    assert_int_equal(routes[0].policy.strategy, WB_STRATEGY_DIRECT);
    assert_int_equal(routes[0].policy.priority, 5);
    assert_int_equal(routes[0].policy.max_attempts, 3);
    assert_string_equal(routes[1].target, "c");
    assert_true(routes[1].policy.deletes);
    assert_int_equal(routes[1].policy.max_attempts, 8);
    assert_int_equal(
        wb_rules_routes(rules, 3, &defaults, "nobody", wb_span_str("x"), arena, &routes), 0);
    wb_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_needs_a_pattern_and_another_target),
        cmocka_unit_test(circles_are_refused_with_their_way),
        cmocka_unit_test(rules_for_one_target_merge_to_the_strictest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
