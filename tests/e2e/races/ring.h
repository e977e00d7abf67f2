/* The planner's part played by hand against real workers: what the programs of this folder share
 * (WB_KAFKA, WB_PREFIX, WB_SCRATCH with the nodes a, b and c below it). */
#ifndef WB_TESTS_E2E_RACES_RING_H
#define WB_TESTS_E2E_RACES_RING_H

#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"

enum { WAIT_MS = 30000, POLL_MS = 100, TOPIC_MAX = 256, ARENA = 64 << 20 };

struct ring {
    struct wb_config *config;
    struct wb_codec *codec;
    struct wb_producer *producer;
    struct wb_consumer *consumer;
    struct wb_arena *arena;
    const char *from;          /* of the next tasks and claims; NULL: none */
    struct wb_options options; /* of the next tasks and claims */
    char tasks[TOPIC_MAX];
    char transfers[TOPIC_MAX];
    char verdicts[TOPIC_MAX];
};

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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

static inline const char *place(struct ring *ring, const char *node, const char *name)
{
    return wb_arena_printf(ring->arena, "%s/%s/%s", getenv("WB_SCRATCH"), node, name);
}

static inline void write_file(struct ring *ring, const char *node, const char *name,
                              const char *text)
{
    FILE *file = fopen(place(ring, node, name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void check_file(struct ring *ring, const char *name, const char *want)
{
    char text[256] = "";
    FILE *file = fopen(place(ring, "b", name), "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, want);
}

static inline int64_t mtime_ns(struct ring *ring, const char *name)
{
    struct stat info;
    assert_int_equal(stat(place(ring, "b", name), &info), 0);
    return (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
}

/* ---- tasks ---- */

static inline struct wb_task_file file_of(const char *name)
{
    return (struct wb_task_file){.job = "job", .path = wb_span_str(name)};
}

static inline struct wb_result *take_report(struct ring *ring, const char *topic, const char *id)
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
static inline struct wb_result *give(struct ring *ring, enum wb_op op, struct wb_task_file file,
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
                                 .from = ring->from,
                                 .target = "b",
                                 .options = ring->options,
                                 .max_file_bytes = INT64_MAX,
                                 .files = &file,
                                 .file_count = 1};
    check_ok(wb_codec_encode(ring->codec, WB_RECORD_TASK, &task, &value, &err));
    check_ok(wb_producer_send(ring->producer, ring->tasks, 0, wb_span_of(NULL, 0),
                              wb_buf_span(&value), 0, &err));
    return take_report(ring, ring->transfers, id);
}

static inline struct wb_result *copy(struct ring *ring, const char *name)
{
    struct wb_result *result = give(ring, WB_OP_COPY, file_of(name), 0);
    assert_string_equal(wb_outcome_name(result->outcome), "copied");
    return result;
}

static inline struct wb_result *publish(struct ring *ring, const char *name,
                                        const struct wb_result *copied)
{
    struct wb_task_file file = file_of(name);
    file.instance = copied->instance;
    file.tag = copied->tag;
    return give(ring, WB_OP_PUBLISH, file, 0);
}

static inline void check_outcome(const struct wb_result *result, const char *want)
{
    if (strcmp(wb_outcome_name(result->outcome), want) != 0)
        fail_msg("%s, not %s: %s", wb_outcome_name(result->outcome), want,
                 result->error ? result->error->text : "");
}

static inline struct wb_task_file range_of(const char *name, const struct wb_result *opened,
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

/* Claims `result` to the verifier and waits for its verdict. */
static inline struct wb_result *judge(struct ring *ring, enum wb_op op, struct wb_result result)
{
    struct wb_err err;
    char id[24];
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    (void)snprintf(id, sizeof(id), "%016llx", (unsigned long long)wb_random_u64());
    const struct wb_report report = {.task = id,
                                     .op = op,
                                     .time_ms = wb_clock_wall_ms(),
                                     .source = "a",
                                     .from = ring->from,
                                     .target = "b",
                                     .options = ring->options,
                                     .worker = "test",
                                     .results = &result,
                                     .result_count = 1};
    check_ok(wb_codec_encode(ring->codec, WB_RECORD_TRANSFER, &report, &value, &err));
    check_ok(wb_producer_send(ring->producer, ring->transfers, 0, wb_span_of(NULL, 0),
                              wb_buf_span(&value), 0, &err));
    return take_report(ring, ring->verdicts, id);
}

#endif
