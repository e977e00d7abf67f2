/* A worker that wakes late never brings an older version back: the planner's part is played by
 * hand, task by task, so that each race has one order and one outcome (WB_KAFKA, WB_PREFIX,
 * WB_SCRATCH with the nodes a and b below it). */
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"

enum { WAIT_MS = 30000, POLL_MS = 100, TOPIC_MAX = 256, PATH_BYTES = 600, ARENA = 64 << 20 };

struct ring {
    struct wb_config *config;
    struct wb_codec *codec;
    struct wb_producer *producer;
    struct wb_consumer *consumer;
    struct wb_arena *arena;
    char tasks[TOPIC_MAX];
    char transfers[TOPIC_MAX];
    char verdicts[TOPIC_MAX];
};

static int set_up(void **state)
{
    struct wb_err err;
    int64_t low;
    struct ring *ring = wb_xcalloc(1, sizeof(*ring));
    ring->config = wb_config_new();
    ring->arena = wb_arena_new(ARENA);
    check_ok(wb_config_set(ring->config, WB_OPT_BROKERS, getenv("WB_KAFKA"), "test", &err));
    check_ok(wb_config_set(ring->config, WB_OPT_PREFIX, getenv("WB_PREFIX"), "test", &err));
    (void)wb_topic_name(ring->config, WB_TOPIC_TASKS, NULL, ring->tasks);
    (void)wb_topic_name(ring->config, WB_TOPIC_TRANSFERS, NULL, ring->transfers);
    check_ok(wb_codec_new(&ring->codec, &err));
    check_ok(wb_producer_new(ring->config, NULL, NULL, NULL, &ring->producer, &err));
    check_ok(wb_consumer_new(ring->config, NULL, NULL, &ring->consumer, &err));
    (void)wb_topic_name(ring->config, WB_TOPIC_VERDICTS, NULL, ring->verdicts);
    struct wb_position ends[] = {{ring->transfers, 0, 0}, {ring->verdicts, 0, 0}};
    for (size_t i = 0; i < 2; i++)
        check_ok(
            wb_consumer_watermarks(ring->consumer, ends[i].topic, 0, &low, &ends[i].offset, &err));
    check_ok(wb_consumer_assign(ring->consumer, ends, 2, &err));
    *state = ring;
    return 0;
}

static int tear_down(void **state)
{
    struct ring *ring = *state;
    wb_consumer_free(&ring->consumer);
    wb_producer_free(&ring->producer);
    wb_codec_free(&ring->codec);
    wb_arena_free(&ring->arena);
    wb_config_free(&ring->config);
    free(ring);
    return 0;
}

/* ---- files ---- */

static const char *place(struct ring *ring, const char *node, const char *name)
{
    return wb_arena_printf(ring->arena, "%s/%s/%s", getenv("WB_SCRATCH"), node, name);
}

static void write_file(struct ring *ring, const char *node, const char *name, const char *text)
{
    FILE *file = fopen(place(ring, node, name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void check_file(struct ring *ring, const char *name, const char *want)
{
    char text[256] = "";
    FILE *file = fopen(place(ring, "b", name), "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, want);
}

static int64_t mtime_ns(struct ring *ring, const char *name)
{
    struct stat info;
    assert_int_equal(stat(place(ring, "b", name), &info), 0);
    return (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
}

/* ---- tasks ---- */

static struct wb_task_file file_of(const char *name)
{
    return (struct wb_task_file){.job = "job", .path = wb_span_str(name)};
}

static struct wb_result *take_report(struct ring *ring, const char *topic, const char *id)
{
    enum wb_record_type type = topic == ring->verdicts ? WB_RECORD_VERDICT : WB_RECORD_TRANSFER;
    struct wb_err err;
    int64_t until_ms = wb_clock_mono_ms() + WAIT_MS;
    while (wb_clock_mono_ms() < until_ms) {
        void *record;
        struct wb_message *message WB_AUTO(wb_message_free) = NULL;
        check_ok(wb_consumer_poll(ring->consumer, POLL_MS, &message, &err));
        if (!message || strcmp(message->topic, topic) != 0)
            continue;
        struct wb_span bytes = wb_arena_span(ring->arena, message->value);
        check_ok(wb_codec_decode_as(ring->codec, type, bytes, ring->arena, &record, &err));
        struct wb_report *report = record;
        if (strcmp(report->task, id) == 0) {
            assert_int_equal(report->result_count, 1);
            return report->results;
        }
    }
    fail_msg("no report for task %s", id);
    return NULL;
}

/* Gives a task of one file and waits for its result. */
static struct wb_result *give(struct ring *ring, enum wb_op op, struct wb_task_file file,
                              int64_t not_after_ms)
{
    struct wb_err err;
    char id[24];
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    (void)snprintf(id, sizeof(id), "%016llx", (unsigned long long)wb_random_u64());
    const struct wb_task task = {.id = id,
                                 .op = op,
                                 .time_ms = wb_clock_wall_ms(),
                                 .not_after_ms = not_after_ms,
                                 .source = "a",
                                 .target = "b",
                                 .max_file_bytes = INT64_MAX,
                                 .files = &file,
                                 .file_count = 1};
    check_ok(wb_codec_encode(ring->codec, WB_RECORD_TASK, &task, &value, &err));
    check_ok(wb_producer_send(ring->producer, ring->tasks, 0, wb_span_of(NULL, 0),
                              wb_buf_span(&value), 0, &err));
    return take_report(ring, ring->transfers, id);
}

static struct wb_result *copy(struct ring *ring, const char *name)
{
    struct wb_result *result = give(ring, WB_OP_COPY, file_of(name), 0);
    assert_string_equal(wb_outcome_name(result->outcome), "copied");
    return result;
}

static struct wb_result *publish(struct ring *ring, const char *name,
                                 const struct wb_result *copied)
{
    struct wb_task_file file = file_of(name);
    file.instance = copied->instance;
    file.tag = copied->tag;
    return give(ring, WB_OP_PUBLISH, file, 0);
}

static void check_outcome(const struct wb_result *result, const char *want)
{
    if (strcmp(wb_outcome_name(result->outcome), want) != 0)
        fail_msg("%s, not %s: %s", wb_outcome_name(result->outcome), want,
                 result->error ? result->error->text : "");
}

/* ---- races ---- */

static void a_late_publish_of_a_discarded_instance_changes_nothing(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "publish", "one");
    struct wb_result *old = copy(ring, "publish");
    write_file(ring, "a", "publish", "two!");
    struct wb_result *new = copy(ring, "publish");
    struct wb_task_file fence = file_of("publish");
    fence.instance = old->instance;
    check_outcome(give(ring, WB_OP_DISCARD, fence, 0), "discarded");
    check_outcome(publish(ring, "publish", new), "published");
    struct wb_result *late = publish(ring, "publish", old);
    check_outcome(late, "failed");
    assert_int_equal(late->error->category, WB_CAT_NOT_FOUND);
    check_file(ring, "publish", "two!");
}

static void a_publish_that_comes_twice_is_published_once(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "twice", "one");
    struct wb_result *copied = copy(ring, "twice");
    check_outcome(publish(ring, "twice", copied), "published");
    check_outcome(publish(ring, "twice", copied), "published");
    check_file(ring, "twice", "one");
    write_file(ring, "a", "twice", "newer");
    check_outcome(publish(ring, "twice", copy(ring, "twice")), "published");
    check_outcome(publish(ring, "twice", copied), "failed");
    check_file(ring, "twice", "newer");
}

static void a_late_duplicate_of_a_copy_stages_an_instance_of_its_own(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "copy", "one");
    struct wb_result *first = copy(ring, "copy");
    struct wb_result *second = copy(ring, "copy");
    assert_string_not_equal(first->instance, second->instance);
    check_outcome(publish(ring, "copy", first), "published");
    write_file(ring, "a", "copy", "two!");
    struct wb_result *late = copy(ring, "copy");
    check_file(ring, "copy", "one");
    assert_string_not_equal(late->instance, first->instance);
}

static struct wb_task_file range_of(const char *name, const struct wb_result *opened,
                                    struct wb_range *range)
{
    struct wb_task_file file = file_of(name);
    *range = (struct wb_range){.length = opened->version->size_bytes, .tag = ""};
    file.instance = opened->instance;
    file.version = opened->version;
    file.ranges = range;
    file.range_count = 1;
    return file;
}

static void a_late_range_is_not_written_into_what_was_published(void **state)
{
    struct ring *ring = *state;
    struct wb_range range;
    write_file(ring, "a", "range", "large");
    struct wb_result *opened = give(ring, WB_OP_OPEN, file_of("range"), 0);
    check_outcome(opened, "opened");
    struct wb_task_file file = range_of("range", opened, &range);
    check_outcome(give(ring, WB_OP_RANGE, file, 0), "ranged");
    struct wb_result *sealed = give(ring, WB_OP_SEAL, file, 0);
    check_outcome(sealed, "sealed");
    check_outcome(publish(ring, "range", sealed), "published");
    int64_t before_ns = mtime_ns(ring, "range");
    struct wb_result *late = give(ring, WB_OP_RANGE, file, 0);
    check_outcome(late, "failed");
    assert_int_equal(late->error->category, WB_CAT_NOT_FOUND);
    check_file(ring, "range", "large");
    assert_int_equal(mtime_ns(ring, "range"), before_ns);
}

static void a_late_range_of_a_source_that_went_on_is_refused(void **state)
{
    struct ring *ring = *state;
    struct wb_range range;
    write_file(ring, "a", "moved", "older");
    struct wb_result *opened = give(ring, WB_OP_OPEN, file_of("moved"), 0);
    struct wb_task_file file = range_of("moved", opened, &range);
    check_outcome(give(ring, WB_OP_RANGE, file, 0), "ranged");
    write_file(ring, "a", "moved", "NEWER");
    struct wb_result *late = give(ring, WB_OP_RANGE, file, 0);
    check_outcome(late, "failed");
    assert_int_equal(late->error->category, WB_CAT_CHANGED);
    struct wb_result *sealed = give(ring, WB_OP_SEAL, file, 0);
    check_outcome(sealed, "failed");
    assert_int_equal(sealed->error->category, WB_CAT_CHANGED);
}

static void a_late_delete_never_removes_what_the_source_holds(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "delete", "one");
    struct wb_result *old = copy(ring, "delete");
    check_outcome(publish(ring, "delete", old), "published");
    struct wb_task_file file = file_of("delete");
    file.tag = old->tag;
    check_outcome(give(ring, WB_OP_DELETE, file, 0), "probed");
    check_file(ring, "delete", "one");
    assert_int_equal(unlink(place(ring, "a", "delete")), 0);
    check_outcome(give(ring, WB_OP_DELETE, file, 0), "deleted");
    assert_int_equal(access(place(ring, "b", "delete"), F_OK), -1);
    write_file(ring, "a", "delete", "again");
    check_outcome(publish(ring, "delete", copy(ring, "delete")), "published");
    check_outcome(give(ring, WB_OP_DELETE, file, 0), "probed");
    check_file(ring, "delete", "again");
}

static void a_delete_spares_a_file_that_is_not_ours(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "b", "stranger", "not ours");
    struct wb_task_file file = file_of("stranger");
    file.tag = "1-2-3";
    struct wb_result *result = give(ring, WB_OP_DELETE, file, 0);
    check_outcome(result, "failed");
    assert_int_equal(result->error->category, WB_CAT_CONFLICT);
    check_file(ring, "stranger", "not ours");
}

static void a_task_past_its_time_has_no_effect(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "expired", "one");
    struct wb_result *copied = copy(ring, "expired");
    struct wb_task_file file = file_of("expired");
    file.instance = copied->instance;
    file.tag = copied->tag;
    struct wb_result *late = give(ring, WB_OP_PUBLISH, file, wb_clock_wall_ms() - 1);
    check_outcome(late, "failed");
    assert_int_equal(late->error->category, WB_CAT_EXPIRED);
    assert_int_equal(access(place(ring, "b", "expired"), F_OK), -1);
}

static void an_instance_changed_after_its_proof_is_not_published(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "proof", "proved");
    struct wb_result *copied = copy(ring, "proof");
    const char *staged = wb_arena_printf(ring->arena, ".waybill/%s", copied->instance);
    write_file(ring, "b", staged, "other!");
    struct wb_result *result = publish(ring, "proof", copied);
    check_outcome(result, "failed");
    assert_int_equal(access(place(ring, "b", "proof"), F_OK), -1);
}

static void paths_outside_the_root_are_refused(void **state)
{
    struct ring *ring = *state;
    assert_true(symlink("/etc", place(ring, "a", "way")) == 0 || errno == EEXIST);
    check_outcome(give(ring, WB_OP_COPY, file_of("way/passwd"), 0), "absent");
    check_outcome(give(ring, WB_OP_COPY, file_of("../a/way"), 0), "failed");
    check_outcome(give(ring, WB_OP_COPY, file_of("/etc/passwd"), 0), "failed");
    struct wb_task_file file = file_of("x");
    file.instance = "../../a/way";
    check_outcome(give(ring, WB_OP_DISCARD, file, 0), "failed");
}

/* ---- proofs ---- */

/* Claims `result` to the verifier and waits for its verdict. */
static struct wb_result *judge(struct ring *ring, enum wb_op op, struct wb_result result)
{
    struct wb_err err;
    char id[24];
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    (void)snprintf(id, sizeof(id), "%016llx", (unsigned long long)wb_random_u64());
    const struct wb_report report = {.task = id,
                                     .op = op,
                                     .time_ms = wb_clock_wall_ms(),
                                     .source = "a",
                                     .target = "b",
                                     .worker = "test",
                                     .results = &result,
                                     .result_count = 1};
    check_ok(wb_codec_encode(ring->codec, WB_RECORD_TRANSFER, &report, &value, &err));
    check_ok(wb_producer_send(ring->producer, ring->transfers, 0, wb_span_of(NULL, 0),
                              wb_buf_span(&value), 0, &err));
    return take_report(ring, ring->verdicts, id);
}

/* Other bytes under the same identity: size and time stay. */
static void corrupt(struct ring *ring, const struct wb_result *staged)
{
    struct stat before;
    const char *name = wb_arena_printf(ring->arena, ".waybill/%s", staged->instance);
    const char *path = place(ring, "b", name);
    assert_int_equal(stat(path, &before), 0);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "X", 1, 0), 1);
    const struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(close(fd), 0);
}

static void a_good_copy_matches(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "good", "bytes");
    struct wb_result *verdict = judge(ring, WB_OP_COPY, *copy(ring, "good"));
    check_outcome(verdict, "match");
    assert_int_equal(verdict->source_state, WB_SOURCE_SAME);
}

static void bytes_that_differ_on_the_target_are_a_mismatch(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "flipped", "bytes");
    struct wb_result *copied = copy(ring, "flipped");
    corrupt(ring, copied);
    struct wb_result *verdict = judge(ring, WB_OP_COPY, *copied);
    check_outcome(verdict, "mismatch");
    assert_int_equal(verdict->error->scope, WB_SCOPE_TARGET);
    assert_true(verdict->error->retryable);
}

static void a_range_that_differs_is_the_one_that_is_named(void **state)
{
    struct ring *ring = *state;
    struct wb_range range;
    write_file(ring, "a", "halves", "firsthalfsecondhalf");
    struct wb_result *opened = give(ring, WB_OP_OPEN, file_of("halves"), 0);
    struct wb_task_file file = range_of("halves", opened, &range);
    struct wb_range two[] = {{.length = 9, .tag = ""}, {.offset = 9, .length = 10, .tag = ""}};
    file.ranges = two;
    file.range_count = 2;
    struct wb_result *ranged = give(ring, WB_OP_RANGE, file, 0);
    check_outcome(ranged, "ranged");
    check_outcome(judge(ring, WB_OP_RANGE, *ranged), "match");
    corrupt(ring, ranged);
    struct wb_result *verdict = judge(ring, WB_OP_RANGE, *ranged);
    check_outcome(verdict, "mismatch");
    assert_int_equal(verdict->range_count, 1);
    assert_int_equal(verdict->ranges[0].offset, 0);
}

static void a_source_that_went_on_is_seen(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "went", "older");
    struct wb_result *copied = copy(ring, "went");
    write_file(ring, "a", "went", "newer");
    struct wb_result *verdict = judge(ring, WB_OP_COPY, *copied);
    check_outcome(verdict, "match");
    assert_int_equal(verdict->source_state, WB_SOURCE_CHANGED);
    assert_int_equal(unlink(place(ring, "a", "went")), 0);
    assert_int_equal(judge(ring, WB_OP_COPY, *copied)->source_state, WB_SOURCE_GONE);
}

static void an_instance_that_is_gone_is_no_proof(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "away", "bytes");
    struct wb_result *copied = copy(ring, "away");
    struct wb_task_file file = file_of("away");
    file.instance = copied->instance;
    check_outcome(give(ring, WB_OP_DISCARD, file, 0), "discarded");
    check_outcome(judge(ring, WB_OP_COPY, *copied), "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_publish_of_a_discarded_instance_changes_nothing),
        cmocka_unit_test(a_publish_that_comes_twice_is_published_once),
        cmocka_unit_test(a_late_duplicate_of_a_copy_stages_an_instance_of_its_own),
        cmocka_unit_test(a_late_range_is_not_written_into_what_was_published),
        cmocka_unit_test(a_late_range_of_a_source_that_went_on_is_refused),
        cmocka_unit_test(a_late_delete_never_removes_what_the_source_holds),
        cmocka_unit_test(a_delete_spares_a_file_that_is_not_ours),
        cmocka_unit_test(a_task_past_its_time_has_no_effect),
        cmocka_unit_test(an_instance_changed_after_its_proof_is_not_published),
        cmocka_unit_test(paths_outside_the_root_are_refused),
        cmocka_unit_test(a_good_copy_matches),
        cmocka_unit_test(bytes_that_differ_on_the_target_are_a_mismatch),
        cmocka_unit_test(a_range_that_differs_is_the_one_that_is_named),
        cmocka_unit_test(a_source_that_went_on_is_seen),
        cmocka_unit_test(an_instance_that_is_gone_is_no_proof),
    };
    if (!getenv("WB_KAFKA"))
        return 77;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
