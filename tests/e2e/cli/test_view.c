/* The view on a real broker (WB_KAFKA, WB_PREFIX): what status, get and describe say must be what
 * the log says, whenever and however often they are asked. */
#include "tests/check.h"

#include <unistd.h>

#include "cli/view_parts.h"
#include "core/base/hash.h"

enum { PARTITIONS = 3, NOW_MS = 10000000, SKIPPED = 77 };

struct fixture {
    struct wb_config *config;
    struct wb_codec *codec;
    struct wb_producer *producer;
    char folder[64];
};

static void send_value(struct fixture *fixture, enum wb_topic topic, const char *target,
                       const char *path, struct wb_span value)
{
    struct wb_err err;
    char name[256];
    struct wb_span path_bytes = wb_span_str(path);
    struct wb_buf key WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    check_ok(wb_replica_key(target, "a", path_bytes, &key, &err));
    check_ok(wb_producer_send(fixture->producer, wb_topic_name(fixture->config, topic, NULL, name),
                              wb_home_partition("a", path_bytes, PARTITIONS), wb_buf_span(&key),
                              value, 0, &err));
    check_ok(wb_producer_flush(fixture->producer, 20000, &err));
}

static void send_job(struct fixture *fixture, const char *path, enum wb_job_state state)
{
    struct wb_err err;
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    const struct wb_job job = {
        .id = path,
        .source = "a",
        .target = "b",
        .path = wb_span_str(path),
        .partition = wb_home_partition("a", wb_span_str(path), PARTITIONS),
        .state = state,
        .rule = "all",
        .event = {.time_ms = NOW_MS - 5000, .accepted_ms = NOW_MS - 4000, .offset = 7},
    };
    check_ok(wb_codec_encode(fixture->codec, WB_RECORD_JOB, &job, &value, &err));
    send_value(fixture, WB_TOPIC_JOBS, "b", path, wb_buf_span(&value));
}

static void send_replica(struct fixture *fixture, const char *path, enum wb_end end,
                         int64_t size_bytes)
{
    struct wb_err err;
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    struct wb_version version = {.kind = WB_FILE_REGULAR, .size_bytes = size_bytes, .etag = ""};
    const struct wb_replica replica = {
        .source = "a",
        .target = "b",
        .path = wb_span_str(path),
        .partition = wb_home_partition("a", wb_span_str(path), PARTITIONS),
        .end = end,
        .event_time_ms = NOW_MS - 2000,
        .event_offset = 3,
        .event_count = 1,
        .accepted_ms = NOW_MS - 3000,
        .ended_ms = NOW_MS - 1000,
        .version = size_bytes >= 0 ? &version : NULL,
    };
    check_ok(wb_codec_encode(fixture->codec, WB_RECORD_REPLICA, &replica, &value, &err));
    send_value(fixture, WB_TOPIC_REPLICAS, "b", path, wb_buf_span(&value));
}

static struct wb_view_link only_link(struct wb_view *view)
{
    struct wb_err err;
    size_t count = 0;
    struct wb_view_link *links WB_AUTO(wb_free_ptr) = NULL;
    check_ok(wb_view_links(view, NOW_MS, &links, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(links[0].source, "a");
    assert_string_equal(links[0].target, "b");
    return links[0];
}

static bool refresh(struct wb_view *view)
{
    struct wb_err err;
    bool changed = false;
    check_ok(wb_view_refresh(view, &changed, &err));
    return changed;
}

static void counts_follow_the_log(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    send_replica(fixture, "dir/one", WB_END_VERIFIED, 100);
    send_replica(fixture, "dir/two", WB_END_VERIFIED, 50);
    send_replica(fixture, "gone", WB_END_DELETED, -1);
    send_replica(fixture, "bad", WB_END_DEAD, -1);
    send_job(fixture, "bad", WB_JOB_DEAD);
    send_job(fixture, "dir/two", WB_JOB_COPYING);
    send_job(fixture, "later", WB_JOB_WAITING);
    send_job(fixture, "parked", WB_JOB_PARKED);
    check_ok(wb_view_open(fixture->config, &view, &err));
    struct wb_view_link link = only_link(view);
    assert_int_equal(link.verified, 2);
    assert_int_equal(link.deleted, 1);
    assert_int_equal(link.running, 1);
    assert_int_equal(link.waiting, 1);
    assert_int_equal(link.parked, 1);
    assert_int_equal(link.dead, 1);
    assert_int_equal(link.bytes, 150);
    assert_int_equal(link.oldest_accepted_ms, NOW_MS - 4000);
    assert_int_equal(link.watermark_ms, NOW_MS - 5000);
    assert_int_equal(link.hour_ended, 4);
    assert_int_equal(link.hour_dead, 1);
    assert_int_equal(link.hour_bytes, 150);
    assert_int_equal(link.hour_busy_ms, 2000);
    assert_false(refresh(view));
}

static void what_comes_later_is_taken_in_and_ended_jobs_go(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    check_ok(wb_view_open(fixture->config, &view, &err));
    send_replica(fixture, "later", WB_END_VERIFIED, 1);
    send_value(fixture, WB_TOPIC_JOBS, "b", "later", wb_span_of(NULL, 0));
    send_value(fixture, WB_TOPIC_JOBS, "b", "dir/two", wb_span_of(NULL, 0));
    send_value(fixture, WB_TOPIC_JOBS, "b", "parked", wb_span_of(NULL, 0));
    assert_true(refresh(view));
    struct wb_view_link link = only_link(view);
    assert_int_equal(link.verified, 3);
    assert_int_equal(link.running + link.waiting + link.parked, 0);
    assert_int_equal(link.oldest_accepted_ms, 0);
    assert_int_equal(link.watermark_ms, NOW_MS - 2000);
    assert_false(refresh(view));
}

static void what_one_process_took_in_is_news_to_another(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_view *one WB_AUTO(wb_view_free) = NULL;
    struct wb_view *other WB_AUTO(wb_view_free) = NULL;
    check_ok(wb_view_open(fixture->config, &one, &err));
    check_ok(wb_view_open(fixture->config, &other, &err));
    assert_false(refresh(one));
    send_replica(fixture, "news", WB_END_VERIFIED, 1);
    assert_true(refresh(other));
    assert_true(refresh(one));
    assert_int_equal(only_link(one).verified, 4);
}

static void a_record_that_cannot_be_read_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    send_value(fixture, WB_TOPIC_REPLICAS, "b", "news", wb_span_str("rubbish"));
    send_replica(fixture, "after", WB_END_VERIFIED, 1);
    check_ok(wb_view_open(fixture->config, &view, &err));
    assert_int_equal(only_link(view).verified, 5);
}

/* As it looks when somebody deleted the topics and made them anew. */
static void positions_past_the_end_make_it_read_all_again(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    check_ok(wb_view_open(fixture->config, &view, &err));
    check_ok(wb_db_exec(view->db,
                        "UPDATE positions SET next=1000000; UPDATE replicas SET bytes=77;"
                        "INSERT INTO jobs(key, source, target, state) VALUES('x','p','q',1)",
                        &err));
    assert_true(refresh(view));
    assert_int_equal(only_link(view).verified, 5);
    assert_int_equal(only_link(view).bytes, 153);
}

static enum wb_rc add_path(void *arg, const struct wb_view_row *row, struct wb_err *err)
{
    struct wb_buf *text = arg;
    struct wb_span path = row->job ? row->job->path : row->replica->path;
    return wb_buf_printf(text, err, "%.*s=%s ", (int)path.len, path.data, wb_view_state(row));
}

static void expect_rows(struct wb_view *view, const struct wb_view_filter *filter, const char *rows)
{
    struct wb_err err;
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    check_ok(wb_view_each(view, filter, add_path, &text, &err));
    assert_string_equal(wb_buf_cstr(&text), rows);
}

static void files_and_jobs_are_listed_by_filter(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    send_job(fixture, "dir/three", WB_JOB_COPYING);
    check_ok(wb_view_open(fixture->config, &view, &err));
    expect_rows(view, &(struct wb_view_filter){.source = "a", .path = wb_span_str("dir")},
                "dir/one=verified dir/three=copying dir/two=verified ");
    expect_rows(view, &(struct wb_view_filter){.path = wb_span_str("dir/one")},
                "dir/one=verified ");
    expect_rows(view, &(struct wb_view_filter){.path = wb_span_str("di")}, "");
    expect_rows(view, &(struct wb_view_filter){.source = "b"}, "");
    expect_rows(view, &(struct wb_view_filter){.state = "deleted"}, "gone=deleted ");
    expect_rows(view, &(struct wb_view_filter){.set = WB_VIEW_JOBS}, "bad=dead dir/three=copying ");
    expect_rows(view, &(struct wb_view_filter){.set = WB_VIEW_FLYING}, "dir/three=copying ");
    expect_rows(view, &(struct wb_view_filter){.set = WB_VIEW_JOBS, .job = "bad"}, "bad=dead ");
}

static void expect_parked(struct wb_view *view, struct wb_hold hold, int64_t waiting,
                          int64_t parked, const char *rows)
{
    struct wb_err err;
    hold.parks = true;
    const struct wb_holds holds = {&hold, 1};
    check_ok(wb_view_hold(view, &holds, &err));
    struct wb_view_link link = only_link(view);
    assert_int_equal(link.waiting, waiting);
    assert_int_equal(link.parked, parked);
    expect_rows(view, &(struct wb_view_filter){.state = "parked"}, rows);
}

static void waiting_jobs_that_something_holds_up_are_parked(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    const struct wb_holds none = {0};
    const struct wb_view_filter flying = {.set = WB_VIEW_FLYING, .path = wb_span_str("w")};
    send_job(fixture, "w/1", WB_JOB_WAITING);
    send_job(fixture, "w/2", WB_JOB_WAITING);
    send_job(fixture, "w/3", WB_JOB_COPYING);
    send_replica(fixture, "w/2", WB_END_VERIFIED, 1);
    check_ok(wb_view_open(fixture->config, &view, &err));
    expect_parked(view, (struct wb_hold){.target = "b"}, 0, 2, "w/1=parked w/2=parked ");
    expect_rows(view, &flying, "w/1=parked w/2=parked w/3=copying ");
    expect_rows(view, &(struct wb_view_filter){.state = "waiting"}, "");
    expect_parked(view, (struct wb_hold){.source = "b"}, 2, 0, "");
    expect_parked(view, (struct wb_hold){.source = "a", .target = "b"}, 0, 2,
                  "w/1=parked w/2=parked ");
    expect_parked(view, (struct wb_hold){.source = "a", .target = "c"}, 2, 0, "");
    expect_parked(view, (struct wb_hold){.rule = "all"}, 0, 2, "w/1=parked w/2=parked ");
    expect_parked(view, (struct wb_hold){.rule = "other"}, 2, 0, "");
    expect_parked(view, (struct wb_hold){.source = "a", .path = wb_span_str("w/2")}, 1, 1,
                  "w/2=parked ");
    expect_parked(view, (struct wb_hold){.source = "b", .path = wb_span_str("w/2")}, 2, 0, "");
    check_ok(wb_view_hold(view, &none, &err));
    expect_rows(view, &flying, "w/1=waiting w/2=waiting w/3=copying ");
}

static int set_up(void **state)
{
    struct wb_err err;
    int created;
    const char *base = getenv("TMPDIR");
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "%s/waybill-view-XXXXXX",
                   base && strlen(base) < 40 ? base : "/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->config = wb_config_new();
    check_ok(wb_config_set(fixture->config, WB_OPT_BROKERS, getenv("WB_KAFKA"), "WB_KAFKA", &err));
    check_ok(wb_config_set(fixture->config, WB_OPT_PREFIX, getenv("WB_PREFIX"), "WB_PREFIX", &err));
    check_ok(wb_config_set(fixture->config, WB_OPT_PARTITIONS, "3", "test", &err));
    check_ok(wb_config_set(fixture->config, WB_OPT_STATE_DIR, fixture->folder, "test", &err));
    check_ok(wb_topics_init(fixture->config, false, &created, &err));
    check_ok(wb_codec_new(&fixture->codec, &err));
    check_ok(wb_producer_new(fixture->config, NULL, NULL, NULL, &fixture->producer, &err));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char file[256];
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    char identity[512];
    int len =
        snprintf(identity, sizeof(identity), "%s\n%s", getenv("WB_PREFIX"), getenv("WB_KAFKA"));
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(file, sizeof(file), "%s/view-%016llx.db%s", fixture->folder,
                       (unsigned long long)wb_hash64_of(wb_span_of(identity, (size_t)len)),
                       endings[i]);
        (void)unlink(file);
    }
    (void)rmdir(fixture->folder);
    wb_producer_free(&fixture->producer);
    wb_codec_free(&fixture->codec);
    wb_config_free(&fixture->config);
    free(fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_follow_the_log),
        cmocka_unit_test(what_comes_later_is_taken_in_and_ended_jobs_go),
        cmocka_unit_test(what_one_process_took_in_is_news_to_another),
        cmocka_unit_test(a_record_that_cannot_be_read_is_passed_over),
        cmocka_unit_test(positions_past_the_end_make_it_read_all_again),
        cmocka_unit_test(files_and_jobs_are_listed_by_filter),
        cmocka_unit_test(waiting_jobs_that_something_holds_up_are_parked),
    };
    if (!getenv("WB_KAFKA") || !getenv("WB_PREFIX"))
        return SKIPPED;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
