#include <unistd.h>

#include "planner/ledger.h"
#include "tests/check.h"

struct fixture {
    char folder[64];
    struct wb_ledger *ledger;
    struct wb_arena *arena;
};

static int set_up(void **state)
{
    struct wb_err err;
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/wb-ledger-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->arena = wb_arena_new(1 << 20);
    check_ok(wb_ledger_open(fixture->folder, 3, 1 << 20, &fixture->ledger, &err));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct fixture *fixture = *state;
    wb_ledger_close(&fixture->ledger);
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/ledger-3.db%s", fixture->folder, endings[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(fixture->folder), 0);
    wb_arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static void reopen(struct fixture *fixture)
{
    struct wb_err err;
    wb_ledger_close(&fixture->ledger);
    check_ok(wb_ledger_open(fixture->folder, 3, 1 << 20, &fixture->ledger, &err));
}

static void put(struct fixture *fixture, const char *key, enum wb_job_state state, int32_t priority,
                int64_t due_ms)
{
    struct wb_err err;
    const struct wb_job job = {
        .target = "b", .source = "a", .state = state, .priority = priority, .due_ms = due_ms};
    check_ok(wb_ledger_put_job(fixture->ledger, wb_span_str(key), &job, WB_LANE_SMALL,
                               wb_span_str("record"), NULL, &err));
}

static void what_is_not_committed_never_was(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_span job;
    struct wb_span replica;
    struct wb_ledger_known known;
    put(fixture, "one", WB_JOB_WAITING, 0, 1);
    wb_ledger_set_next(fixture->ledger, WB_TOPIC_JOBS, 5);
    reopen(fixture);
    check_ok(wb_ledger_get(fixture->ledger, wb_span_str("one"), fixture->arena, &job, &replica,
                           &known, &err));
    assert_null(job.data);
    assert_int_equal(wb_ledger_next(fixture->ledger, WB_TOPIC_JOBS), -1);
}

static void a_commit_keeps_records_and_their_place_together(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_span job;
    struct wb_span replica;
    struct wb_ledger_known known;
    put(fixture, "one", WB_JOB_WAITING, 0, 1);
    check_ok(wb_ledger_put_replica(fixture->ledger, wb_span_str("one"), wb_span_str("proof"), NULL,
                                   &err));
    wb_ledger_set_next(fixture->ledger, WB_TOPIC_JOBS, 5);
    wb_ledger_set_next(fixture->ledger, WB_TOPIC_REPLICAS, 9);
    check_ok(wb_ledger_commit(fixture->ledger, &err));
    reopen(fixture);
    check_ok(wb_ledger_get(fixture->ledger, wb_span_str("one"), fixture->arena, &job, &replica,
                           &known, &err));
    check_span(job, "record");
    check_span(replica, "proof");
    assert_int_equal(wb_ledger_next(fixture->ledger, WB_TOPIC_JOBS), 5);
    assert_int_equal(wb_ledger_next(fixture->ledger, WB_TOPIC_REPLICAS), 9);
    check_ok(wb_ledger_reset(fixture->ledger, &err));
    reopen(fixture);
    assert_int_equal(wb_ledger_next(fixture->ledger, WB_TOPIC_JOBS), -1);
}

static bool has(struct fixture *fixture, const char *key)
{
    struct wb_err err;
    struct wb_span job;
    struct wb_span replica;
    struct wb_ledger_known known;
    check_ok(wb_ledger_get(fixture->ledger, wb_span_str(key), fixture->arena, &job, &replica,
                           &known, &err));
    return job.data != NULL;
}

static void a_rollback_goes_back_to_what_was_saved_with_its_place(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    put(fixture, "saved", WB_JOB_WAITING, 0, 1);
    wb_ledger_set_next(fixture->ledger, WB_TOPIC_JOBS, 5);
    check_ok(wb_ledger_commit(fixture->ledger, &err));
    reopen(fixture);
    put(fixture, "committed", WB_JOB_WAITING, 0, 1);
    wb_ledger_set_next(fixture->ledger, WB_TOPIC_JOBS, 6);
    check_ok(wb_ledger_commit(fixture->ledger, &err));
    wb_ledger_rollback(fixture->ledger); /* of nothing */
    assert_true(has(fixture, "committed"));
    put(fixture, "undone", WB_JOB_WAITING, 0, 1);
    wb_ledger_rollback(fixture->ledger);
    assert_true(has(fixture, "saved"));
    assert_false(has(fixture, "committed"));
    assert_false(has(fixture, "undone"));
    assert_int_equal(wb_ledger_next(fixture->ledger, WB_TOPIC_JOBS), 5);
}

static void what_is_not_saved_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    for (int i = 1; i <= 20000; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "%d", i);
        put(fixture, key, WB_JOB_WAITING, 0, 1);
        wb_ledger_set_next(fixture->ledger, WB_TOPIC_JOBS, i);
        check_ok(wb_ledger_commit(fixture->ledger, &err));
    }
    put(fixture, "undone", WB_JOB_WAITING, 0, 1);
    wb_ledger_rollback(fixture->ledger);
    assert_in_range(wb_ledger_next(fixture->ledger, WB_TOPIC_JOBS), 10000, 20000);
    assert_true(has(fixture, "10000"));
}

static void who_waits_comes_by_time_within_its_queue(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_span keys[8];
    size_t count;
    put(fixture, "late", WB_JOB_WAITING, 0, 20);
    put(fixture, "early", WB_JOB_WAITING, 0, 10);
    put(fixture, "urgent", WB_JOB_WAITING, 7, 30);
    put(fixture, "future", WB_JOB_WAITING, 0, 1000);
    put(fixture, "flying", WB_JOB_COPYING, 0, 5);
    put(fixture, "dead", WB_JOB_DEAD, 0, 0);
    check_ok(wb_ledger_waiting(fixture->ledger, "b/a//0", WB_LANE_SMALL, 100, 8, fixture->arena,
                               NULL, keys, &count, &err));
    assert_int_equal(count, 2);
    check_span(keys[0], "early");
    check_span(keys[1], "late");
    check_ok(wb_ledger_waiting(fixture->ledger, "b/a//7", WB_LANE_SMALL, 100, 8, fixture->arena,
                               NULL, keys, &count, &err));
    assert_int_equal(count, 1);
    check_ok(wb_ledger_overdue(fixture->ledger, 100, 8, fixture->arena, keys, &count, &err));
    assert_int_equal(count, 1);
    check_span(keys[0], "flying");
}

static void put_known(struct fixture *fixture, enum wb_job_state state, int64_t due_ms,
                      struct wb_span record)
{
    struct wb_err err;
    struct wb_span job;
    struct wb_span replica;
    struct wb_ledger_known known;
    const struct wb_job changed = {.target = "b", .source = "a", .state = state, .due_ms = due_ms};
    check_ok(wb_ledger_get(fixture->ledger, wb_span_str("one"), fixture->arena, &job, &replica,
                           &known, &err));
    check_ok(wb_ledger_put_job(fixture->ledger, wb_span_str("one"), &changed, WB_LANE_SMALL, record,
                               &known, &err));
}

static void who_is_known_is_found_as_it_was_put_last(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_span keys[8];
    struct wb_span job;
    struct wb_span replica;
    struct wb_ledger_known known;
    size_t count;
    put_known(fixture, WB_JOB_WAITING, 20, wb_span_str("first"));
    put_known(fixture, WB_JOB_WAITING, 20, wb_span_str("same place"));
    check_ok(wb_ledger_waiting(fixture->ledger, "b/a//0", WB_LANE_SMALL, 100, 8, fixture->arena,
                               NULL, keys, &count, &err));
    assert_int_equal(count, 1);
    put_known(fixture, WB_JOB_COPYING, 30, wb_span_str("moved"));
    check_ok(wb_ledger_waiting(fixture->ledger, "b/a//0", WB_LANE_SMALL, 100, 8, fixture->arena,
                               NULL, keys, &count, &err));
    assert_int_equal(count, 0);
    check_ok(wb_ledger_overdue(fixture->ledger, 30, 8, fixture->arena, keys, &count, &err));
    assert_int_equal(count, 1);
    check_ok(wb_ledger_get(fixture->ledger, wb_span_str("one"), fixture->arena, &job, &replica,
                           &known, &err));
    check_span(job, "moved");
    assert_int_equal(known.due_ms, 30);
    assert_int_equal(known.standing, WB_STANDING_FLIGHT);
    put_known(fixture, WB_JOB_COPYING, 30, wb_span_of(NULL, 0));
    put_known(fixture, WB_JOB_COPYING, 30, wb_span_of(NULL, 0));
    check_ok(wb_ledger_get(fixture->ledger, wb_span_str("one"), fixture->arena, &job, &replica,
                           &known, &err));
    assert_null(job.data);
    assert_int_equal(known.job, 0);
}

static void a_walk_goes_on_where_it_stopped(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_span keys[2];
    size_t count;
    struct wb_ledger_place queue = {0};
    struct wb_ledger_place table = {0};
    put(fixture, "one", WB_JOB_WAITING, 0, 20);
    put(fixture, "two", WB_JOB_WAITING, 0, 20);
    put(fixture, "three", WB_JOB_WAITING, 0, 20);
    for (int page = 0; page < 2; page++) {
        check_ok(wb_ledger_waiting(fixture->ledger, "b/a//0", WB_LANE_SMALL, 100, 2, fixture->arena,
                                   &queue, keys, &count, &err));
        assert_int_equal(count, 2 - page);
        check_ok(
            wb_ledger_walk(fixture->ledger, false, 2, fixture->arena, &table, keys, &count, &err));
        assert_int_equal(count, 2 - page);
    }
    check_span(keys[0], "three");
}

static void what_was_compared_is_kept_with_the_ledger(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    assert_int_equal(wb_ledger_seen(fixture->ledger), 0);
    check_ok(wb_ledger_set_seen(fixture->ledger, 77, &err));
    check_ok(wb_ledger_commit(fixture->ledger, &err));
    reopen(fixture);
    assert_int_equal(wb_ledger_seen(fixture->ledger), 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_committed_never_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_keeps_records_and_their_place_together, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_rollback_goes_back_to_what_was_saved_with_its_place,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_saved_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_comes_by_time_within_its_queue, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_known_is_found_as_it_was_put_last, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_walk_goes_on_where_it_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_compared_is_kept_with_the_ledger, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
