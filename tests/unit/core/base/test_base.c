/* Buffers, arenas, errors, digests, times, sizes. */
#include "tests/check.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include "core/base/metrics.h"

static void a_buf_never_grows_past_its_cap(void **state)
{
    struct wb_err err;
    struct wb_buf buf WB_AUTO(wb_buf_free) = wb_buf_make(5);
    (void)state;
    check_ok(wb_buf_append(&buf, wb_span_str("abc"), &err));
    check_fails(wb_buf_append(&buf, wb_span_str("def"), &err), WB_CAT_LIMIT, "5 bytes");
    check_span(wb_buf_span(&buf), "abc");
    check_ok(wb_buf_printf(&buf, &err, "%d", 42));
    assert_string_equal(wb_buf_cstr(&buf), "abc42");
}

static void an_arena_gives_zeroed_memory_up_to_its_cap(void **state)
{
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(1000000);
    (void)state;
    for (int round = 0; round < 3; round++) {
        uint8_t *small = wb_arena_alloc(arena, 100);
        uint8_t *large = wb_arena_alloc(arena, 900000);
        assert_non_null(small);
        assert_non_null(large);
        for (size_t i = 0; i < 900000; i += 4096)
            assert_int_equal(large[i], 0);
        memset(small, 1, 100);
        memset(large, 1, 900000);
        assert_true(wb_arena_left(arena) < 100000);
        wb_arena_reset(arena);
        assert_int_equal(wb_arena_left(arena), 1000000);
    }
    assert_string_equal(wb_arena_printf(arena, "%s-%d", "a", 1), "a-1");
}

static void what_an_arena_adopts_counts_against_its_cap(void **state)
{
    struct wb_arena *into WB_AUTO(wb_arena_free) = wb_arena_new(1000000);
    struct wb_arena *from WB_AUTO(wb_arena_free) = wb_arena_new(2000000);
    (void)state;
    (void)wb_arena_alloc(into, 500000);
    char *text = wb_arena_strdup(from, "adopted");
    (void)wb_arena_alloc(from, 1000000);
    wb_arena_adopt(into, from);
    assert_int_equal(wb_arena_left(into), 0);
    assert_int_equal(wb_arena_left(from), 2000000);
    assert_string_equal(text, "adopted");
    wb_arena_reset(into);
    assert_int_equal(wb_arena_left(into), 1000000);
}

static void an_arena_past_its_cap_ends_the_process(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        struct wb_arena *arena = wb_arena_new(1000);
        (void)wb_arena_strdup(arena, "fits");
        (void)wb_arena_alloc(arena, SIZE_MAX);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void an_error_is_one_line_with_its_class(void **state)
{
    struct wb_err err;
    char text[256];
    (void)state;
    assert_int_equal(wb_err_errno(&err, ENOSPC, "cannot write \"a\nb\""), WB_ERROR);
    wb_err_place(&err, WB_SCOPE_TARGET, "publish");
    assert_int_equal(err.category, WB_CAT_NO_SPACE);
    assert_true(err.retryable);
    (void)wb_err_prefix(&err, "cannot publish %s", "b:x");
    wb_err_format(&err, text, sizeof(text));
    assert_string_equal(text, "cannot publish b:x: cannot write \"a?b\": No space left on device "
                              "(target, publish, ENOSPC)");
    for (int i = 0; i < WB_CAT_COUNT; i++)
        assert_int_equal(wb_category_parse(wb_category_name((enum wb_category)i)), i);
    for (int i = 0; i < WB_SCOPE_COUNT; i++)
        assert_int_equal(wb_scope_parse(wb_scope_name((enum wb_scope)i)), i);
}

static void digests_are_those_of_the_published_vectors(void **state)
{
    struct wb_xxh3 xxh;
    struct wb_sha256 sha;
    char hex[65];
    struct wb_hasher *hasher WB_AUTO(wb_hasher_free) = wb_hasher_new(true);
    (void)state;
    wb_hasher_update(hasher, wb_span_str("a"));
    wb_hasher_update(hasher, wb_span_str("bc"));
    wb_hasher_final(hasher, &xxh, &sha);
    wb_hex_format(wb_span_of(sha.bytes, 32), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct wb_xxh3 once = wb_xxh3_of(wb_span_str("abc"));
    assert_memory_equal(xxh.bytes, once.bytes, sizeof(once.bytes));
    once = wb_xxh3_of(wb_span_of(NULL, 0));
    wb_hex_format(wb_span_of(once.bytes, 16), hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
}

static void base64_goes_both_ways_and_is_strict(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    static const char *const bad[] = {"Z", "Zg=", "Zg=a", "Z===", "Zm9v\n", "Zm\x80v"};
    struct wb_err err;
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(100);
        struct wb_buf bytes WB_AUTO(wb_buf_free) = wb_buf_make(100);
        check_ok(wb_base64_append(&text, wb_span_str(pairs[i][0]), &err));
        check_span(wb_buf_span(&text), pairs[i][1]);
        check_ok(wb_base64_parse(wb_buf_span(&text), &bytes, &err));
        check_span(wb_buf_span(&bytes), pairs[i][0]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct wb_buf bytes WB_AUTO(wb_buf_free) = wb_buf_make(100);
        assert_int_equal(wb_base64_parse(wb_span_str(bad[i]), &bytes, &err), WB_ERROR);
    }
}

static void durations_sizes_and_times_are_read_and_written(void **state)
{
    struct wb_err err;
    int64_t value;
    char text[32];
    (void)state;
    check_ok(wb_duration_parse("1.5s", &value, &err));
    assert_int_equal(value, 1500);
    check_ok(wb_duration_parse("30d", &value, &err));
    assert_int_equal(value, 2592000000);
    check_fails(wb_duration_parse("5", &value, &err), WB_CAT_USAGE, "not a duration");
    check_fails(wb_duration_parse("-5s", &value, &err), WB_CAT_USAGE, "not a duration");
    check_ok(wb_size_parse("50MiB", &value, &err));
    assert_int_equal(value, 52428800);
    check_ok(wb_size_parse("2GB", &value, &err));
    assert_int_equal(value, 2000000000);
    check_fails(wb_size_parse("1e3", &value, &err), WB_CAT_USAGE, "not a size");
    wb_duration_format(330000, text);
    assert_string_equal(text, "5m30s");
    wb_size_format(1610612736, text);
    assert_string_equal(text, "1.5 GiB");
    check_ok(wb_clock_parse("2026-11-24T10:00:00.250+01:00", 0, &value, &err));
    wb_clock_format(value, text);
    assert_string_equal(text, "2026-11-24T09:00:00.250Z");
    check_ok(wb_clock_parse("2h", 7200001, &value, &err));
    assert_int_equal(value, 1);
    check_fails(wb_clock_parse("yesterday", 0, &value, &err), WB_CAT_USAGE, "not a time");
}

static bool count_visit(struct wb_span key, void *value, void *arg)
{
    (void)key;
    (void)value;
    return ++*(int *)arg < 3;
}

static void a_map_keeps_bytes_as_keys_and_order_of_insertion(void **state)
{
    int visited = 0;
    struct wb_map *map WB_AUTO(wb_map_free) = wb_map_new(free);
    (void)state;
    wb_map_put(map, wb_span_of("a\0b", 3), wb_xstrdup("1"));
    wb_map_put(map, wb_span_of("a\0c", 3), wb_xstrdup("2"));
    wb_map_put(map, wb_span_of("a\0b", 3), wb_xstrdup("3"));
    wb_map_put(map, wb_span_str(""), wb_xstrdup("4"));
    assert_int_equal(wb_map_count(map), 3);
    assert_string_equal(wb_map_get(map, wb_span_of("a\0b", 3)), "3");
    assert_null(wb_map_get(map, wb_span_str("a")));
    wb_map_each(map, count_visit, &visited);
    assert_int_equal(visited, 3);
    assert_true(wb_map_del(map, wb_span_str("")));
    assert_false(wb_map_del(map, wb_span_str("")));
}

static void metrics_come_out_in_the_text_format(void **state)
{
    struct wb_err err;
    struct wb_buf out WB_AUTO(wb_buf_free) = wb_buf_make(100000);
    struct wb_metrics *metrics WB_AUTO(wb_metrics_free) = wb_metrics_new();
    (void)state;
    wb_metric_add(wb_metrics_get(metrics, WB_METRIC_COUNTER, "waybill_x_total", "X.", "op=\"a\""),
                  2);
    wb_metric_observe(wb_metrics_get(metrics, WB_METRIC_HISTOGRAM, "waybill_t_seconds", "T.", NULL),
                      0.004);
    wb_metric_add(wb_metrics_get(metrics, WB_METRIC_COUNTER, "waybill_x_total", "X.", "op=\"b\""),
                  1);
    check_ok(wb_metrics_write(metrics, &out, &err));
    const char *text = wb_buf_cstr(&out);
    assert_non_null(strstr(text, "# TYPE waybill_x_total counter\nwaybill_x_total{op=\"a\"} 2\n"
                                 "waybill_x_total{op=\"b\"} 1\n"));
    assert_non_null(strstr(text, "waybill_t_seconds_bucket{le=\"0.002\"} 0\n"
                                 "waybill_t_seconds_bucket{le=\"0.005\"} 1\n"));
    assert_non_null(strstr(text, "waybill_t_seconds_count 1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buf_never_grows_past_its_cap),
        cmocka_unit_test(an_arena_gives_zeroed_memory_up_to_its_cap),
        cmocka_unit_test(what_an_arena_adopts_counts_against_its_cap),
        cmocka_unit_test(an_arena_past_its_cap_ends_the_process),
        cmocka_unit_test(an_error_is_one_line_with_its_class),
        cmocka_unit_test(digests_are_those_of_the_published_vectors),
        cmocka_unit_test(base64_goes_both_ways_and_is_strict),
        cmocka_unit_test(durations_sizes_and_times_are_read_and_written),
        cmocka_unit_test(a_map_keeps_bytes_as_keys_and_order_of_insertion),
        cmocka_unit_test(metrics_come_out_in_the_text_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
