/* The registry on a real broker (WB_KAFKA, WB_PREFIX): nodes with their health, and the settings
 * and controls of an operator; what is not right there counts for nothing. */
#include "tests/check.h"

#include "core/stage/registry.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"

enum { ARENA = 1 << 20, SKIPPED = 77 };

struct fixture {
    struct wb_config *config;
    struct wb_codec *codec;
    struct wb_producer *producer;
    struct wb_registry *registry;
    struct wb_arena *arena;
};

static void send(struct fixture *fixture, enum wb_topic topic, const char *key,
                 enum wb_record_type type, const void *record)
{
    struct wb_err err;
    char name[256];
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    check_ok(wb_codec_encode(fixture->codec, type, record, &value, &err));
    check_ok(wb_producer_send(fixture->producer, wb_topic_name(fixture->config, topic, NULL, name),
                              0, wb_span_str(key), wb_buf_span(&value), 0, &err));
    check_ok(wb_producer_flush(fixture->producer, 20000, &err));
}

static void catch_up(struct fixture *fixture)
{
    struct wb_err err;
    check_ok(wb_registry_catch_up(fixture->registry, fixture->producer, &err));
}

static void health_is_beside_the_nodes_and_not_among_them(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_node **nodes;
    struct wb_node_health **healths;
    size_t count = 0;
    const struct wb_node_health health = {
        .name = "b",
        .source = {.state = WB_NODE_UP, .p50_ms = 2, .p99_ms = 9, .window = 32},
        .target = {.state = WB_NODE_SICK, .reason = "connection refused", .since_ms = 5},
        .free_bytes = 1234,
        .marker = "feed",
    };
    const struct wb_node node = {.name = "b", .url = "file:///b", .state = WB_NODE_UP};
    check_ok(wb_registry_put_node(fixture->config, &node, &err));
    catch_up(fixture);
    assert_null(wb_registry_health(fixture->registry, "b", fixture->arena));
    uint64_t generation = wb_registry_generation(fixture->registry);
    send(fixture, WB_TOPIC_NODES, "health/b", WB_RECORD_NODE_HEALTH, &health);
    catch_up(fixture);
    assert_true(wb_registry_generation(fixture->registry) != generation);
    const struct wb_node_health *found = wb_registry_health(fixture->registry, "b", fixture->arena);
    assert_non_null(found);
    assert_int_equal(found->target.state, WB_NODE_SICK);
    assert_string_equal(found->target.reason, "connection refused");
    assert_int_equal(found->free_bytes, 1234);
    wb_registry_nodes(fixture->registry, fixture->arena, &nodes, &count);
    assert_int_equal(count, 1);
    assert_string_equal(nodes[0]->name, "b");
    wb_registry_healths(fixture->registry, fixture->arena, &healths, &count);
    assert_int_equal(count, 1);
    assert_string_equal(healths[0]->marker, "feed");
}

static void controls_are_known_by_the_bytes_of_their_keys(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_setting **list;
    size_t count = 0;
    static const char path[] = "file/a:raw/\xff\n";
    check_ok(wb_registry_put_control(
        fixture->config, "pause/",
        &(struct wb_setting){.key = path, .value = "why", .by = "me", .updated_ms = 7}, &err));
    check_ok(wb_registry_put_control(fixture->config, "pause/",
                                     &(struct wb_setting){.key = "node/b"}, &err));
    check_ok(wb_registry_put_control(fixture->config, "cancel/",
                                     &(struct wb_setting){.key = "rule/all"}, &err));
    catch_up(fixture);
    wb_registry_controls(fixture->registry, "pause/", fixture->arena, &list, &count);
    assert_int_equal(count, 2);
    assert_string_equal(list[0]->key, path);
    assert_string_equal(list[0]->value, "why");
    assert_int_equal(list[0]->updated_ms, 7);
    assert_string_equal(list[1]->key, "node/b");
    wb_registry_controls(fixture->registry, "cancel/", fixture->arena, &list, &count);
    assert_int_equal(count, 1);
    assert_string_equal(list[0]->key, "rule/all");
    check_ok(wb_registry_remove_control(fixture->config, "pause/", path, &err));
    catch_up(fixture);
    wb_registry_controls(fixture->registry, "pause/", fixture->arena, &list, &count);
    assert_int_equal(count, 1);
}

static int64_t attempts_now(struct fixture *fixture)
{
    catch_up(fixture);
    struct wb_config *config WB_AUTO(wb_config_free) =
        wb_registry_overlay(fixture->registry, fixture->config);
    assert_string_equal(wb_config_text(config, WB_OPT_SITE), "x");
    return wb_config_int(config, WB_OPT_ATTEMPTS);
}

static void put_setting(const struct fixture *fixture, const char *key, const char *value)
{
    struct wb_err err;
    check_ok(wb_registry_put_control(fixture->config, "setting/",
                                     &(struct wb_setting){.key = key, .value = value}, &err));
}

static void a_setting_that_is_not_right_leaves_the_former(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_setting **list;
    size_t count = 0;
    assert_int_equal(attempts_now(fixture), 8);
    put_setting(fixture, "planner.attempts", "5");
    assert_int_equal(attempts_now(fixture), 5);
    put_setting(fixture, "planner.attempts", "0");
    put_setting(fixture, "planner.grain", "1s");
    put_setting(fixture, "planner.atempts", "9");
    put_setting(fixture, "", "9");
    assert_int_equal(attempts_now(fixture), 5);
    send(fixture, WB_TOPIC_SETTINGS, "setting/planner.attempts", WB_RECORD_RULE,
         &(struct wb_rule){.name = "x"});
    assert_int_equal(attempts_now(fixture), 5);
    wb_registry_controls(fixture->registry, "setting/", fixture->arena, &list, &count);
    assert_int_equal(count, 1);
    check_ok(wb_registry_remove_control(fixture->config, "setting/", "planner.attempts", &err));
    assert_int_equal(attempts_now(fixture), 8);
}

static int set_up(void **state)
{
    struct wb_err err;
    int created;
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    fixture->config = wb_config_new();
    check_ok(wb_config_set(fixture->config, WB_OPT_BROKERS, getenv("WB_KAFKA"), "WB_KAFKA", &err));
    check_ok(wb_config_set(fixture->config, WB_OPT_PREFIX, getenv("WB_PREFIX"), "WB_PREFIX", &err));
    check_ok(wb_config_set(fixture->config, WB_OPT_PARTITIONS, "3", "test", &err));
    check_ok(wb_config_set(fixture->config, WB_OPT_SITE, "x", "test", &err));
    check_ok(wb_topics_init(fixture->config, false, &created, &err));
    check_ok(wb_codec_new(&fixture->codec, &err));
    check_ok(wb_producer_new(fixture->config, NULL, NULL, NULL, &fixture->producer, &err));
    check_ok(wb_registry_new(fixture->config, &fixture->registry, &err));
    fixture->arena = wb_arena_new(ARENA);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wb_arena_free(&fixture->arena);
    wb_registry_free(&fixture->registry);
    wb_producer_free(&fixture->producer);
    wb_codec_free(&fixture->codec);
    wb_config_free(&fixture->config);
    free(fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_is_beside_the_nodes_and_not_among_them),
        cmocka_unit_test(controls_are_known_by_the_bytes_of_their_keys),
        cmocka_unit_test(a_setting_that_is_not_right_leaves_the_former),
    };
    if (!getenv("WB_KAFKA") || !getenv("WB_PREFIX"))
        return SKIPPED;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
