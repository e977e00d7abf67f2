/* Real stages against records that can be neither read nor buried whole (WB_KAFKA, WB_PREFIX,
 * WB_SCRATCH): each goes to dead in some form, and the stage goes on and ends when it is told to.
 */
#include "tests/check.h"

#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/metrics.h"
#include "core/stage/health.h"
#include "core/stage/service.h"
#include "core/stage/worker.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"
#include "planner/planner.h"
#include "transfer/transfer.h"

enum {
    KEY_BYTES = 1290000,
    VALUE_BYTES = 800000,
    WAIT_MS = 60000,
    TURN_MS = 50,
    HANG_S = 120,
    SMALL_TOPIC_BYTES = 20000,
    ARENA = 64 << 20
};

struct fixture {
    struct wb_config *config;
    struct wb_metrics *metrics;
    struct wb_health *health;
    struct wb_stage_env env;
    struct wb_codec *codec;
    struct wb_arena *arena;
    int taken; /* results */
};

static int tests;

static int set_up(void **state)
{
    struct wb_err err;
    char text[600];
    int created;
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    /* What hangs is ended by the signal. */
    (void)alarm(HANG_S);
    fixture->config = wb_config_new();
    check_ok(wb_config_set(fixture->config, WB_OPT_BROKERS, getenv("WB_KAFKA"), "test", &err));
    (void)snprintf(text, sizeof(text), "%s-%d", getenv("WB_PREFIX"), tests++);
    check_ok(wb_config_set(fixture->config, WB_OPT_PREFIX, text, "test", &err));
    (void)snprintf(text, sizeof(text), "%s/state", getenv("WB_SCRATCH"));
    check_ok(wb_config_set(fixture->config, WB_OPT_STATE_DIR, text, "test", &err));
    check_ok(wb_config_set(fixture->config, WB_OPT_PARTITIONS, "1", "test", &err));
    check_ok(wb_topics_init(fixture->config, false, &created, &err));
    check_ok(wb_codec_new(&fixture->codec, &err));
    fixture->arena = wb_arena_new(ARENA);
    fixture->metrics = wb_metrics_new();
    fixture->health = wb_health_new("test");
    fixture->env = (struct wb_stage_env){.config = fixture->config,
                                         .metrics = fixture->metrics,
                                         .health = fixture->health,
                                         .worker = "test"};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)alarm(0);
    wb_health_free(&fixture->health);
    wb_metrics_free(&fixture->metrics);
    wb_arena_free(&fixture->arena);
    wb_codec_free(&fixture->codec);
    wb_config_free(&fixture->config);
    free(fixture);
    return 0;
}

/* By a client that allows itself more than those of the stages. */
static void send_bytes(struct fixture *fixture, enum wb_topic topic, struct wb_span key,
                       struct wb_span value)
{
    struct wb_err err;
    char name[256];
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_copy(fixture->config);
    struct wb_producer *producer WB_AUTO(wb_producer_free) = NULL;
    check_ok(wb_config_set(config, WB_OPT_KAFKA_PRODUCER, "message.max.bytes=4000000", "t", &err));
    check_ok(wb_producer_new(config, NULL, NULL, NULL, &producer, &err));
    check_ok(wb_producer_send(producer, wb_topic_name(config, topic, NULL, name), 0, key, value, 0,
                              &err));
    check_ok(wb_producer_flush(producer, WAIT_MS, &err));
}

static void send_huge(struct fixture *fixture, enum wb_topic topic)
{
    char *key WB_AUTO(wb_free_ptr) = wb_xcalloc(1, KEY_BYTES);
    char *value WB_AUTO(wb_free_ptr) = wb_xcalloc(1, VALUE_BYTES);
    memset(key, 'k', KEY_BYTES);
    memset(value, 'v', VALUE_BYTES);
    send_bytes(fixture, topic, wb_span_of(key, KEY_BYTES), wb_span_of(value, VALUE_BYTES));
}

struct found {
    struct fixture *fixture;
    const struct wb_dead_letter *letter;
    int count;
};

static enum wb_rc take_letter(void *arg, const struct wb_message *message, struct wb_err *err)
{
    struct found *found = arg;
    void *letter = NULL;
    struct wb_span bytes = wb_arena_span(found->fixture->arena, message->value);
    found->count++;
    enum wb_rc rc = wb_codec_decode_as(found->fixture->codec, WB_RECORD_DEAD_LETTER, bytes,
                                       found->fixture->arena, &letter, err);
    found->letter = letter;
    return rc;
}

/* The stage turns until dead holds a letter, drains and closes. */
static const struct wb_dead_letter *bury(struct fixture *fixture, const struct wb_stage_ops *stage)
{
    struct wb_err err;
    void *self = NULL;
    bool drained = false;
    char dead[256];
    int64_t next = -1;
    struct found found = {.fixture = fixture};
    int64_t until_ms = wb_clock_mono_ms() + WAIT_MS;
    (void)wb_topic_name(fixture->config, WB_TOPIC_DEAD, NULL, dead);
    check_ok(stage->open(&fixture->env, &self, &err));
    while (found.count == 0 && wb_clock_mono_ms() < until_ms) {
        check_ok(stage->turn(self, TURN_MS, &err));
        check_ok(wb_log_scan(fixture->config, dead, &next, 1, take_letter, &found, &err));
    }
    while (!drained && wb_clock_mono_ms() < until_ms)
        check_ok(stage->drain(self, TURN_MS, &drained, &err));
    stage->close(self);
    assert_true(drained);
    assert_int_equal(found.count, 1);
    return found.letter;
}

static void check_cut(const struct wb_dead_letter *letter)
{
    assert_int_equal(letter->offset, 0);
    assert_non_null(strstr(letter->error.text, "not a framed record"));
    assert_non_null(strstr(letter->error.text, "key cut after"));
    assert_int_equal(letter->value.len, VALUE_BYTES);
    assert_true(letter->key.len > 0 && letter->key.len < KEY_BYTES);
}

static void check_bare(const struct wb_dead_letter *letter)
{
    assert_int_equal(letter->offset, 0);
    assert_non_null(strstr(letter->error.text, "not a framed record"));
    assert_non_null(strstr(letter->error.text, "without the record's bytes"));
    assert_int_equal(letter->value.len, 0);
    assert_int_equal(letter->key.len, 0);
}

static void a_worker_buries_a_record_with_a_huge_key(void **state)
{
    send_huge(*state, WB_TOPIC_TASKS);
    check_cut(bury(*state, &wb_transfer_stage));
}

static void a_planner_buries_a_record_with_a_huge_key(void **state)
{
    send_huge(*state, WB_TOPIC_EVENTS);
    check_cut(bury(*state, &wb_planner_stage));
}

/* The client refuses the letter at once. */
static void limit_client(struct fixture *fixture)
{
    struct wb_err err;
    check_ok(wb_config_set(fixture->config, WB_OPT_KAFKA_PRODUCER, "message.max.bytes=20000", "t",
                           &err));
}

static void a_worker_with_a_small_limit_buries_without_the_bytes(void **state)
{
    send_huge(*state, WB_TOPIC_TASKS);
    limit_client(*state);
    check_bare(bury(*state, &wb_transfer_stage));
}

static void a_planner_with_a_small_limit_buries_without_the_bytes(void **state)
{
    send_huge(*state, WB_TOPIC_EVENTS);
    limit_client(*state);
    check_bare(bury(*state, &wb_planner_stage));
}

/* The broker refuses the letter, some time after it was sent. */
static void limit_topic(struct fixture *fixture)
{
    char dead[256];
    char why[256];
    char value[24];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", getenv("WB_KAFKA"), why, sizeof(why));
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(client);
    rd_kafka_ConfigResource_t *topic = rd_kafka_ConfigResource_new(
        RD_KAFKA_RESOURCE_TOPIC, wb_topic_name(fixture->config, WB_TOPIC_DEAD, NULL, dead));
    (void)snprintf(value, sizeof(value), "%d", (int)SMALL_TOPIC_BYTES);
    (void)rd_kafka_ConfigResource_set_config(topic, "max.message.bytes", value);
    /* What looks alike takes no room otherwise. */
    (void)rd_kafka_ConfigResource_set_config(topic, "compression.type", "uncompressed");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AlterConfigs(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(topic);
    rd_kafka_destroy(client);
}

static void a_worker_whose_letter_the_broker_refuses_buries_without_the_bytes(void **state)
{
    send_huge(*state, WB_TOPIC_TASKS);
    limit_topic(*state);
    check_bare(bury(*state, &wb_transfer_stage));
}

static void a_planner_whose_letter_the_broker_refuses_buries_without_the_bytes(void **state)
{
    send_huge(*state, WB_TOPIC_EVENTS);
    limit_topic(*state);
    check_bare(bury(*state, &wb_planner_stage));
}

/* What it says would go into the records of its job, and make them too large for the log. */
static void a_planner_buries_a_report_with_a_huge_tag(void **state)
{
    enum { TAG_BYTES = 600000 };
    struct fixture *fixture = *state;
    struct wb_err err;
    char *tag WB_AUTO(wb_free_ptr) = wb_xcalloc(1, TAG_BYTES + 1);
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    memset(tag, 't', TAG_BYTES);
    struct wb_result result = {.job = "job",
                               .path = wb_span_str("p"),
                               .outcome = WB_OUTCOME_COPIED,
                               .instance = "i",
                               .tag = tag,
                               .mime = ""};
    const struct wb_report report = {.task = "task",
                                     .op = WB_OP_COPY,
                                     .source = "a",
                                     .from = "",
                                     .target = "b",
                                     .worker = "w",
                                     .results = &result,
                                     .result_count = 1};
    check_ok(wb_codec_encode(fixture->codec, WB_RECORD_TRANSFER, &report, &value, &err));
    send_bytes(fixture, WB_TOPIC_TRANSFERS, wb_span_of(NULL, 0), wb_buf_span(&value));
    const struct wb_dead_letter *letter = bury(fixture, &wb_planner_stage);
    assert_non_null(strstr(letter->error.text, "result 0: tag has 600000 bytes"));
    assert_int_equal(letter->value.len, value.len);
}

/* ---- workers of the test's own ---- */

static void report_one(const void *record, struct wb_arena *arena, struct wb_report *report)
{
    const struct wb_task *task = record;
    report->task = task->id;
    report->op = task->op;
    report->results = wb_arena_alloc(arena, sizeof(*report->results));
    report->results->job = "job";
    report->results->path = task->files[0].path;
    report->result_count = 1;
}

static void answer_nowhere(void *self, const void *record, struct wb_arena *arena,
                           struct wb_report *report)
{
    (void)self;
    report_one(record, arena, report);
    report->partition = 99;
}

static void answer_too_much(void *self, const void *record, struct wb_arena *arena,
                            struct wb_report *report)
{
    (void)self;
    report_one(record, arena, report);
    report->results->range_count = 60000;
    report->results->ranges =
        wb_arena_alloc(arena, report->results->range_count * sizeof(struct wb_range));
    for (size_t i = 0; i < report->results->range_count; i++)
        report->results->ranges[i].digest = wb_span_of("0123456789abcdef", 16);
}

static void refuse(const void *record, const struct wb_err *why, struct wb_arena *arena,
                   struct wb_report *report)
{
    (void)why;
    report_one(record, arena, report);
}

#define WORKER(answer)                                                                      \
    {                                                                                       \
        .name = "transfer", .input = WB_TOPIC_TASKS, .input_type = WB_RECORD_TASK,          \
        .output = WB_TOPIC_TRANSFERS, .output_type = WB_RECORD_TRANSFER,                    \
        .threads = WB_OPT_TRANSFERS, .memory = WB_OPT_TRANSFER_MEMORY, .execute = (answer), \
        .refuse = refuse                                                                    \
    }

static void send_task(struct fixture *fixture)
{
    struct wb_err err;
    struct wb_task_file file = {.job = "job", .path = wb_span_str("p")};
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    const struct wb_task task = {.id = "task",
                                 .op = WB_OP_COPY,
                                 .source = "a",
                                 .target = "b",
                                 .files = &file,
                                 .file_count = 1};
    check_ok(wb_codec_encode(fixture->codec, WB_RECORD_TASK, &task, &value, &err));
    send_bytes(fixture, WB_TOPIC_TASKS, wb_span_of(NULL, 0), wb_buf_span(&value));
}

/* The records that it still holds are the consumer's, which waits for them when it is freed. */
static void a_worker_whose_reports_cannot_be_sent_closes(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    void *self = NULL;
    static const struct wb_worker_ops ops = WORKER(answer_nowhere);
    enum wb_rc rc = WB_OK;
    int64_t until_ms = wb_clock_mono_ms() + WAIT_MS;
    for (int i = 0; i < 20; i++)
        send_task(fixture);
    check_ok(wb_worker_open(&ops, &fixture->env, &self, &err));
    while (rc == WB_OK && wb_clock_mono_ms() < until_ms)
        rc = wb_worker_turn(self, TURN_MS, &err);
    wb_worker_close(self);
    check_fails(rc, WB_CAT_NOT_FOUND, "cannot send a record");
}

static enum wb_rc take_result(void *arg, const struct wb_message *message, struct wb_err *err)
{
    struct fixture *fixture = arg;
    void *record = NULL;
    if (wb_codec_decode_as(fixture->codec, WB_RECORD_TRANSFER, message->value, fixture->arena,
                           &record, err) != WB_OK)
        return WB_ERROR;
    const struct wb_report *report = record;
    assert_int_equal(report->result_count, 1);
    assert_string_equal(report->results->job, "job");
    assert_int_equal(report->results->outcome, WB_OUTCOME_FAILED);
    assert_int_equal(report->results->range_count, 0);
    assert_int_equal(report->results->error->category, WB_CAT_LIMIT);
    assert_false(report->results->error->retryable);
    fixture->taken++;
    return WB_OK;
}

static void a_result_that_no_record_takes_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    void *self = NULL;
    char name[256];
    int64_t next = -1;
    static const struct wb_worker_ops ops = WORKER(answer_too_much);
    int64_t until_ms = wb_clock_mono_ms() + WAIT_MS;
    (void)wb_topic_name(fixture->config, WB_TOPIC_TRANSFERS, NULL, name);
    send_task(fixture);
    check_ok(wb_worker_open(&ops, &fixture->env, &self, &err));
    while (fixture->taken == 0 && wb_clock_mono_ms() < until_ms) {
        check_ok(wb_worker_turn(self, TURN_MS, &err));
        check_ok(wb_log_scan(fixture->config, name, &next, 1, take_result, fixture, &err));
    }
    wb_worker_close(self);
    assert_int_equal(fixture->taken, 1);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(a_worker_buries_a_record_with_a_huge_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_planner_buries_a_record_with_a_huge_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_planner_buries_a_report_with_a_huge_tag, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_worker_with_a_small_limit_buries_without_the_bytes,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_planner_with_a_small_limit_buries_without_the_bytes,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_worker_whose_letter_the_broker_refuses_buries_without_the_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_planner_whose_letter_the_broker_refuses_buries_without_the_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_whose_reports_cannot_be_sent_closes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_result_that_no_record_takes_is_a_failure, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
