/* The log on a real broker (WB_KAFKA, WB_PREFIX): topics, order, scans, transactions, zombies. */
#include "tests/check.h"

#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/wire/log.h"

enum { WAIT_MS = 30000, POLL_MS = 100, SKIPPED = 77 };

struct fixture {
    struct wb_config *config;
    char topic[256];
};

static int set_up(void **state)
{
    struct wb_err err;
    int created;
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    fixture->config = wb_config_new();
    check_ok(wb_config_set(fixture->config, WB_OPT_BROKERS, getenv("WB_KAFKA"), "WB_KAFKA", &err));
    check_ok(wb_config_set(fixture->config, WB_OPT_PREFIX, getenv("WB_PREFIX"), "WB_PREFIX", &err));
    check_ok(wb_config_set(fixture->config, WB_OPT_PARTITIONS, "3", "test", &err));
    check_ok(wb_topics_init(fixture->config, false, &created, &err));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wb_config_free(&fixture->config);
    free(fixture);
    return 0;
}

static void topics_are_made_once_and_found_fine(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    int created = -1;
    int32_t partitions = 0;
    size_t count = 0;
    struct wb_topic_finding *findings WB_AUTO(wb_free_ptr) = NULL;
    check_ok(wb_topics_init(fixture->config, false, &created, &err));
    assert_int_equal(created, 0);
    check_ok(wb_topics_partitions(fixture->config, &partitions, &err));
    assert_int_equal(partitions, 3);
    check_ok(wb_topics_check(fixture->config, &findings, &count, &err));
    assert_int_equal(count, 0);
}

static void a_wrong_number_of_partitions_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    size_t count = 0;
    struct wb_topic_finding *findings WB_AUTO(wb_free_ptr) = NULL;
    check_ok(wb_config_set(fixture->config, WB_OPT_PARTITIONS, "6", "test", &err));
    check_ok(wb_topics_check(fixture->config, &findings, &count, &err));
    assert_true(count >= 5);
    assert_true(findings[0].fatal);
    assert_string_equal(findings[0].problem, "has 3 partitions, not 6");
}

static void no_broker_is_said_clearly(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    check_ok(wb_config_set(fixture->config, WB_OPT_BROKERS, "127.0.0.1:1", "test", &err));
    check_fails(wb_log_ping(fixture->config, 1000, &err), WB_CAT_UNREACHABLE,
                "no broker answers at \"127.0.0.1:1\"");
}

struct seen {
    int records;
    int tombstones;
    int misplaced;
    int aborted;
};

static enum wb_rc count_record(void *arg, const struct wb_message *message, struct wb_err *err)
{
    struct seen *seen = arg;
    (void)err;
    seen->records++;
    seen->tombstones += message->value.data == NULL;
    seen->aborted += wb_span_eq(message->value, wb_span_str("aborted"));
    if (message->key.len > 2 && message->key.data[0] == 'a')
        seen->misplaced +=
            message->partition !=
            wb_home_partition("a", wb_span_of(message->key.data + 2, message->key.len - 2), 3);
    return WB_OK;
}

/* Our home partition is where librdkafka and Java's partitioner send the same key. */
static void keys_go_home_and_a_scan_reads_all(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_producer *producer WB_AUTO(wb_producer_free) = NULL;
    struct seen seen = {0};
    (void)wb_topic_name(fixture->config, WB_TOPIC_JOBS, NULL, fixture->topic);
    check_ok(wb_producer_new(fixture->config, NULL, NULL, NULL, &producer, &err));
    for (int i = 0; i < 1000; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "a:p/%d", i);
        struct wb_span value = i % 10 ? wb_span_str("v") : wb_span_of(NULL, 0);
        check_ok(wb_producer_send(producer, fixture->topic, -1, wb_span_str(key), value, 0, &err));
    }
    check_ok(wb_producer_flush(producer, WAIT_MS, &err));
    int64_t from[3] = {-1, -1, -1};
    check_ok(wb_log_scan(fixture->config, fixture->topic, from, 3, count_record, &seen, &err));
    assert_int_equal(seen.records, 1000);
    assert_int_equal(seen.tombstones, 100);
    assert_int_equal(seen.misplaced, 0);
    seen = (struct seen){0};
    check_ok(wb_log_scan(fixture->config, fixture->topic, from, 3, count_record, &seen, &err));
    assert_int_equal(seen.records, 0); /* the second one goes on where the first one ended */
}

/* An abort that overtakes the registration of its partitions is refused by the broker as
 * INVALID_TXN_STATE, which ends the client's producer: a stage then makes another one, and so does
 * this. */
static void abort_transaction(struct fixture *fixture, const char *id,
                              struct wb_producer **producer)
{
    struct wb_err err;
    if (wb_txn_abort(*producer, &err) == WB_OK)
        return;
    assert_int_equal(wb_producer_state(*producer), WB_PRODUCER_FATAL);
    wb_producer_free(producer);
    check_ok(wb_producer_new(fixture->config, id, NULL, NULL, producer, &err));
}

static void an_aborted_transaction_is_never_seen(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    char id[300];
    struct wb_producer *producer WB_AUTO(wb_producer_free) = NULL;
    struct seen seen = {0};
    (void)wb_topic_name(fixture->config, WB_TOPIC_REPLICAS, NULL, fixture->topic);
    (void)snprintf(id, sizeof(id), "%s-txn", fixture->topic);
    check_ok(wb_producer_new(fixture->config, id, NULL, NULL, &producer, &err));
    for (int i = 0; i < 10; i++) {
        const char *value = i % 2 ? "committed" : "aborted";
        check_ok(wb_txn_begin(producer, &err));
        check_ok(wb_producer_send(producer, fixture->topic, 1, wb_span_str("k"), wb_span_str(value),
                                  0, &err));
        if (i % 2)
            check_ok(wb_txn_commit(producer, NULL, NULL, 0, &err));
        else
            abort_transaction(fixture, id, &producer);
    }
    check_ok(wb_log_scan(fixture->config, fixture->topic, NULL, 0, count_record, &seen, &err));
    assert_int_equal(seen.records, 5);
    assert_int_equal(seen.aborted, 0);
}

/* Where a reader goes on must not lie behind records that it could not see yet. */
static void a_scan_stops_before_an_open_transaction(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    char id[300];
    int64_t from[3] = {-1, -1, -1};
    struct wb_producer *producer WB_AUTO(wb_producer_free) = NULL;
    struct seen seen = {0};
    (void)wb_topic_name(fixture->config, WB_TOPIC_TRANSFERS, NULL, fixture->topic);
    (void)snprintf(id, sizeof(id), "%s-open", fixture->topic);
    check_ok(wb_producer_new(fixture->config, id, NULL, NULL, &producer, &err));
    for (int i = 0; i < 5; i++) {
        check_ok(wb_txn_begin(producer, &err));
        check_ok(wb_producer_send(producer, fixture->topic, 1, wb_span_str("k"),
                                  wb_span_str("committed"), 0, &err));
        check_ok(wb_producer_flush(producer, WAIT_MS, &err));
        check_ok(wb_log_scan(fixture->config, fixture->topic, from, 3, count_record, &seen, &err));
        assert_int_equal(seen.records, i);
        check_ok(wb_txn_commit(producer, NULL, NULL, 0, &err));
        check_ok(wb_log_scan(fixture->config, fixture->topic, from, 3, count_record, &seen, &err));
        assert_int_equal(seen.records, i + 1);
    }
}

struct growing {
    struct fixture *fixture;
    struct wb_producer *producer;
    int before; /* records that were there when the scan began */
    int grown;  /* records written while it ran */
    int seen;
};

static enum wb_rc grow(void *arg, const struct wb_message *message, struct wb_err *err)
{
    struct growing *growing = arg;
    growing->seen++;
    if (message->partition != 0 || growing->grown >= 200)
        return WB_OK;
    growing->grown++;
    if (wb_producer_send(growing->producer, growing->fixture->topic, 1, wb_span_str("k"),
                         wb_span_str("late"), 0, err) != WB_OK)
        return WB_ERROR;
    return wb_producer_flush(growing->producer, WAIT_MS, err);
}

static void what_comes_during_a_scan_is_for_the_next_one(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    int64_t from[3] = {-1, -1, -1};
    struct wb_producer *producer WB_AUTO(wb_producer_free) = NULL;
    struct growing growing = {.fixture = fixture, .before = 1001};
    char value[1000] = {0};
    struct seen former = {0};
    /* Little is fetched ahead, so that late records come before the last ones of the others. */
    struct wb_config *slow WB_AUTO(wb_config_free) = wb_config_new();
    check_ok(wb_config_set(slow, WB_OPT_BROKERS, getenv("WB_KAFKA"), "test", &err));
    check_ok(wb_config_set(slow, WB_OPT_KAFKA_CONSUMER, "queued.min.messages=10", "test", &err));
    check_ok(
        wb_config_set(slow, WB_OPT_KAFKA_CONSUMER, "fetch.message.max.bytes=20000", "test", &err));
    (void)wb_topic_name(fixture->config, WB_TOPIC_JOBS, NULL, fixture->topic);
    check_ok(wb_log_scan(fixture->config, fixture->topic, from, 3, count_record, &former, &err));
    check_ok(wb_producer_new(fixture->config, NULL, NULL, NULL, &producer, &err));
    growing.producer = producer;
    for (int i = 0; i < 1001; i++) {
        for (size_t at = 0; at < sizeof(value); at++)
            value[at] = (char)wb_random_u64(); /* does not compress */
        check_ok(wb_producer_send(producer, fixture->topic, i == 0, wb_span_str("k"),
                                  wb_span_of(value, sizeof(value)), 0, &err));
    }
    check_ok(wb_producer_flush(producer, WAIT_MS, &err));
    check_ok(wb_log_scan(slow, fixture->topic, from, 3, grow, &growing, &err));
    assert_int_equal(growing.seen, growing.before);
    check_ok(wb_log_scan(slow, fixture->topic, from, 3, grow, &growing, &err));
    assert_int_equal(growing.seen, growing.before + growing.grown);
}

/* A transaction of somebody who died hides what others wrote behind it. */
static void a_whole_scan_waits_for_open_transactions(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    char id[300];
    int64_t ends[3];
    struct wb_producer *open WB_AUTO(wb_producer_free) = NULL;
    struct wb_producer *other WB_AUTO(wb_producer_free) = NULL;
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    struct seen seen = {0};
    (void)wb_topic_name(fixture->config, WB_TOPIC_TRANSFERS, NULL, fixture->topic);
    (void)snprintf(id, sizeof(id), "%s-dies", fixture->topic);
    check_ok(wb_config_set(config, WB_OPT_BROKERS, getenv("WB_KAFKA"), "test", &err));
    check_ok(
        wb_config_set(config, WB_OPT_KAFKA_PRODUCER, "transaction.timeout.ms=1500", "test", &err));
    check_ok(wb_producer_new(config, id, NULL, NULL, &open, &err));
    check_ok(wb_producer_new(fixture->config, NULL, NULL, NULL, &other, &err));
    check_ok(wb_txn_begin(open, &err));
    check_ok(wb_producer_send(open, fixture->topic, 2, wb_span_str("k"), wb_span_str("aborted"), 0,
                              &err));
    check_ok(wb_producer_flush(open, WAIT_MS, &err));
    check_ok(
        wb_producer_send(other, fixture->topic, 2, wb_span_str("k"), wb_span_str("mine"), 0, &err));
    check_ok(wb_producer_flush(other, WAIT_MS, &err));
    check_ok(wb_log_scan(fixture->config, fixture->topic, NULL, 0, count_record, &seen, &err));
    int visible = seen.records;
    check_ok(wb_log_ends(fixture->config, fixture->topic, ends, 3, &err));
    check_ok(
        wb_log_scan_whole(fixture->config, fixture->topic, NULL, 0, count_record, &seen, &err));
    assert_int_equal(seen.records, 2 * visible + 1);
    assert_int_equal(seen.aborted, 0);
    assert_true(ends[2] >= 2);
}

static void a_zombie_producer_is_fenced(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_producer *old WB_AUTO(wb_producer_free) = NULL;
    struct wb_producer *new WB_AUTO(wb_producer_free) = NULL;
    struct seen seen = {0};
    (void)wb_topic_name(fixture->config, WB_TOPIC_VERDICTS, NULL, fixture->topic);
    check_ok(wb_producer_new(fixture->config, fixture->topic, NULL, NULL, &old, &err));
    check_ok(wb_txn_begin(old, &err));
    check_ok(
        wb_producer_send(old, fixture->topic, 0, wb_span_str("k"), wb_span_str("old"), 0, &err));
    check_ok(wb_producer_flush(old, WAIT_MS, &err));
    check_ok(wb_producer_new(fixture->config, fixture->topic, NULL, NULL, &new, &err));
    assert_int_equal(wb_txn_commit(old, NULL, NULL, 0, &err), WB_ERROR);
    assert_int_equal(wb_producer_state(old), WB_PRODUCER_FATAL);
    check_ok(wb_log_scan(fixture->config, fixture->topic, NULL, 0, count_record, &seen, &err));
    assert_int_equal(seen.records, 0);
}

/* Polls until a record comes. */
static struct wb_message *next_record(struct wb_consumer *consumer)
{
    struct wb_err err;
    int64_t until_ms = wb_clock_mono_ms() + WAIT_MS;
    while (wb_clock_mono_ms() < until_ms) {
        struct wb_message *message;
        check_ok(wb_consumer_poll(consumer, POLL_MS, &message, &err));
        if (message)
            return message;
    }
    fail_msg("no record within %d ms", WAIT_MS);
    return NULL;
}

/* Asked by somebody who is in no group; the last partition has nothing committed. */
static void expect_group(struct fixture *fixture, const char *group, int64_t offset, int members)
{
    struct wb_err err;
    int64_t next[3] = {7, 7, 7};
    int32_t count = 7;
    struct wb_consumer *asker WB_AUTO(wb_consumer_free) = NULL;
    check_ok(wb_consumer_new(fixture->config, NULL, NULL, &asker, &err));
    check_ok(wb_consumer_group_offsets(asker, group, fixture->topic, next, 3, &err));
    assert_int_equal(next[0], offset);
    assert_int_equal(next[2], -1);
    check_ok(wb_consumer_group_members(asker, group, &count, &err));
    assert_int_equal(count, members);
}

/* What a planner does: what came of a record and its offset are committed as one. */
static void offsets_and_outputs_are_committed_together(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    char output[256];
    int64_t committed;
    struct wb_producer *producer WB_AUTO(wb_producer_free) = NULL;
    struct wb_consumer *consumer WB_AUTO(wb_consumer_free) = NULL;
    struct seen seen = {0};
    (void)wb_topic_name(fixture->config, WB_TOPIC_EVENTS, NULL, fixture->topic);
    (void)wb_topic_name(fixture->config, WB_TOPIC_TASKS, NULL, output);
    const char *topics[] = {fixture->topic};
    check_ok(wb_producer_new(fixture->config, "planner", NULL, NULL, &producer, &err));
    check_ok(wb_txn_begin(producer, &err));
    check_ok(wb_producer_send(producer, fixture->topic, 0, wb_span_str("k"), wb_span_str("in"), 0,
                              &err));
    check_ok(wb_txn_commit(producer, NULL, NULL, 0, &err));
    check_ok(wb_consumer_new(fixture->config, fixture->topic, NULL, &consumer, &err));
    check_ok(wb_consumer_subscribe(consumer, topics, 1, &err));
    for (int round = 0; round < 2; round++) {
        struct wb_message *message WB_AUTO(wb_message_free) = next_record(consumer);
        const struct wb_position next = {fixture->topic, message->partition, message->offset + 1};
        const struct wb_position again = {fixture->topic, message->partition, message->offset};
        check_ok(wb_txn_begin(producer, &err));
        check_ok(wb_producer_send(producer, output, 0, wb_span_str("k"),
                                  wb_span_str(round ? "out" : "aborted"), 0, &err));
        if (round) {
            check_ok(wb_txn_commit(producer, consumer, &next, 1, &err));
        } else {
            check_ok(wb_txn_abort(producer, &err));
            check_ok(wb_consumer_seek(consumer, &again, &err));
        }
    }
    check_ok(wb_consumer_committed(consumer, fixture->topic, 0, &committed, &err));
    assert_int_equal(committed, 1);
    expect_group(fixture, fixture->topic, 1, 1);
    expect_group(fixture, "nobody", -1, 0);
    check_ok(wb_log_scan(fixture->config, output, NULL, 0, count_record, &seen, &err));
    assert_int_equal(seen.records, 1);
    assert_int_equal(seen.aborted, 0);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(topics_are_made_once_and_found_fine),
        LOG_TEST(a_wrong_number_of_partitions_is_found),
        LOG_TEST(no_broker_is_said_clearly),
        LOG_TEST(keys_go_home_and_a_scan_reads_all),
        LOG_TEST(an_aborted_transaction_is_never_seen),
        LOG_TEST(a_scan_stops_before_an_open_transaction),
        LOG_TEST(what_comes_during_a_scan_is_for_the_next_one),
        LOG_TEST(a_whole_scan_waits_for_open_transactions),
        LOG_TEST(a_zombie_producer_is_fenced),
        LOG_TEST(offsets_and_outputs_are_committed_together),
    };
    if (!getenv("WB_KAFKA") || !getenv("WB_PREFIX"))
        return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
