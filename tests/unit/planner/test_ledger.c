#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/db.h"
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

/* The file can't grow any more, as on a full disk. Returns what was before. */
static struct rlimit fill_disk(void)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    return before;
}

/* Steps over all jobs; false when one could not be read. */
static bool read_all(struct fixture *fixture)
{
    struct wb_err err;
    struct wb_span keys[64];
    size_t count = 64;
    struct wb_ledger_place place = {0};
    enum wb_rc rc = WB_OK;
    while (rc == WB_OK && count == 64) {
        wb_arena_reset(fixture->arena);
        rc = wb_ledger_walk(fixture->ledger, false, 64, fixture->arena, &place, keys, &count, &err);
    }
    return rc == WB_OK;
}

/* A page that is read may push one out that was changed, and SQLite forgets the whole transaction
 * when that can't be written. */
static void what_a_full_disk_lost_does_not_count_as_saved(void **state)
{
    static char text[8000];
    struct fixture *fixture = *state;
    struct wb_err err;
    const struct wb_job job = {.target = "b", .source = "a", .state = WB_JOB_WAITING};
    put(fixture, "saved", WB_JOB_WAITING, 0, 1);
    wb_ledger_set_next(fixture->ledger, WB_TOPIC_JOBS, 5);
    check_ok(wb_ledger_commit(fixture->ledger, &err));
    reopen(fixture);
    for (int i = 6; i <= 1000; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "%d", i);
        check_ok(wb_ledger_put_job(fixture->ledger, wb_span_str(key), &job, WB_LANE_SMALL,
                                   wb_span_of(text, sizeof(text)), NULL, &err));
        wb_ledger_set_next(fixture->ledger, WB_TOPIC_JOBS, i);
        check_ok(wb_ledger_commit(fixture->ledger, &err));
    }
    const struct rlimit before = fill_disk();
    bool whole = read_all(fixture);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(whole);
    reopen(fixture);
    assert_true(has(fixture, "saved"));
    assert_false(has(fixture, "1000"));
    assert_int_equal(wb_ledger_next(fixture->ledger, WB_TOPIC_JOBS), 5);
}

/* From outside, with the ledger closed; the first number that it gives. */
static int64_t query(struct fixture *fixture, const char *sql)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    int64_t number = 0;
    (void)snprintf(path, sizeof(path), "%s/ledger-3.db", fixture->folder);
    wb_ledger_close(&fixture->ledger);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        number = sqlite3_column_int64(stmt, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return number;
}

/* A process that dies between two statements leaves what a refused second one leaves. */
static void a_ledger_is_reset_whole_or_not_at_all(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    put(fixture, "one", WB_JOB_WAITING, 0, 1);
    wb_ledger_set_next(fixture->ledger, WB_TOPIC_JOBS, 5);
    check_ok(wb_ledger_commit(fixture->ledger, &err));
    (void)query(fixture, "CREATE TRIGGER refused BEFORE DELETE ON place BEGIN "
                         "SELECT RAISE(ABORT, 'no'); END");
    reopen(fixture);
    assert_int_equal(wb_ledger_reset(fixture->ledger, &err), WB_ERROR);
    reopen(fixture);
    assert_int_equal(wb_ledger_next(fixture->ledger, WB_TOPIC_JOBS), 5);
    assert_true(has(fixture, "one"));
}

static void a_ledger_is_as_old_as_its_oldest_change_when_it_is_saved(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    put(fixture, "one", WB_JOB_WAITING, 0, 1);
    wb_ledger_set_next(fixture->ledger, WB_TOPIC_JOBS, 5);
    check_ok(wb_ledger_commit(fixture->ledger, &err));
    int64_t then_ms = wb_clock_wall_ms();
    wb_clock_sleep_ns(20 * 1000000);
    assert_true(query(fixture, "SELECT max(saved_ms) FROM place") <= then_ms);
    reopen(fixture);
    assert_int_equal(wb_ledger_next(fixture->ledger, WB_TOPIC_JOBS), 5);
}

static void a_ledger_of_another_time_is_read_anew(void **state)
{
    static const char *const changes[] = {"UPDATE place SET saved_ms = saved_ms - 86400000",
                                          "UPDATE place SET saved_ms = saved_ms + 86400000"};
    struct fixture *fixture = *state;
    struct wb_err err;
    for (size_t i = 0; i < 2; i++) {
        put(fixture, "one", WB_JOB_WAITING, 0, 1);
        wb_ledger_set_next(fixture->ledger, WB_TOPIC_JOBS, 5);
        check_ok(wb_ledger_commit(fixture->ledger, &err));
        (void)query(fixture, changes[i]);
        reopen(fixture);
        assert_int_equal(wb_ledger_next(fixture->ledger, WB_TOPIC_JOBS), -1);
        assert_false(has(fixture, "one"));
    }
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
        cmocka_unit_test_setup_teardown(what_a_full_disk_lost_does_not_count_as_saved, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_ledger_is_reset_whole_or_not_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ledger_is_as_old_as_its_oldest_change_when_it_is_saved,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ledger_of_another_time_is_read_anew, set_up, tear_down),
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
