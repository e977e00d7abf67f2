#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/wire/kafka_parts.h"

enum { INIT_TIMEOUT_MS = 30000, CLOSE_TIMEOUT_MS = 5000, FULL_POLL_MS = 10, HEADERS_MAX = 32 };

static void on_delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct wb_producer *producer = opaque;
    uint64_t ticket = (uint64_t)(uintptr_t)message->_private;
    struct wb_err err;
    (void)client;
    if (!ticket || !producer->delivered)
        return;
    if (message->err)
        (void)wb_kafka_failed(&err, message->err, "record not delivered");
    producer->delivered(producer->arg, ticket, rd_kafka_topic_name(message->rkt),
                        message->partition, message->offset, message->err ? &err : NULL);
}

static void note(struct wb_producer *producer, const rd_kafka_error_t *error)
{
    if (rd_kafka_error_txn_requires_abort(error))
        atomic_store(&producer->must_abort, true);
    if (rd_kafka_error_is_fatal(error))
        atomic_store(&producer->fatal, true);
}

static enum wb_rc failed(struct wb_producer *producer, rd_kafka_error_t *error, const char *what,
                         struct wb_err *err)
{
    note(producer, error);
    return wb_kafka_failed_error(err, error, what);
}

static enum wb_rc conf_for(const struct wb_config *config, const char *transactional_id,
                           rd_kafka_conf_t **ret, struct wb_err *err)
{
    rd_kafka_conf_t *conf;
    if (wb_kafka_conf(config, WB_KAFKA_PRODUCER, &conf, err) != WB_OK)
        return WB_ERROR;
    if (transactional_id &&
        (wb_kafka_set(conf, "transactional.id", transactional_id, err) != WB_OK ||
         wb_kafka_set(conf, "transaction.timeout.ms", "15000", err) != WB_OK ||
         wb_kafka_set(conf, "message.timeout.ms", "15000", err) != WB_OK ||
         wb_kafka_set(conf, "retry.backoff.ms", "1", err) != WB_OK)) {
        rd_kafka_conf_destroy(conf);
        return WB_ERROR;
    }
    *ret = conf;
    return WB_OK;
}

enum wb_rc wb_producer_new(const struct wb_config *config, const char *transactional_id,
                           wb_delivered_fn *delivered, void *arg, struct wb_producer **ret,
                           struct wb_err *err)
{
    char why[256];
    rd_kafka_conf_t *conf;
    if (conf_for(config, transactional_id, &conf, err) != WB_OK)
        return WB_ERROR;
    struct wb_producer *producer = wb_xcalloc(1, sizeof(*producer));
    producer->delivered = delivered;
    producer->arg = arg;
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!producer->client) {
        rd_kafka_conf_destroy(conf);
        free(producer);
        return wb_err_set(err, WB_CAT_USAGE, "no kafka producer: %s", why);
    }
    rd_kafka_error_t *error =
        transactional_id ? rd_kafka_init_transactions(producer->client, INIT_TIMEOUT_MS) : NULL;
    if (error) {
        (void)failed(producer, error, "cannot begin with transactions", err);
        wb_producer_free(&producer);
        return WB_ERROR;
    }
    *ret = producer;
    return WB_OK;
}

void wb_producer_free(struct wb_producer **producer)
{
    if (!*producer)
        return;
    if (!atomic_load(&(*producer)->fatal))
        (void)rd_kafka_flush((*producer)->client, CLOSE_TIMEOUT_MS);
    (void)rd_kafka_purge((*producer)->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_poll((*producer)->client, 0);
    for (size_t i = 0; i < (*producer)->prepared_count; i++)
        rd_kafka_topic_destroy((*producer)->prepared[i]);
    rd_kafka_destroy((*producer)->client);
    free(*producer);
    *producer = NULL;
}

enum wb_rc wb_producer_prepare(struct wb_producer *producer, const char *name, struct wb_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer->client, name, NULL);
    if (!topic)
        return wb_kafka_failed(err, rd_kafka_last_error(), "cannot prepare a topic");
    if (producer->prepared_count < WB_TOPIC_COUNT)
        producer->prepared[producer->prepared_count++] = topic;
    else
        rd_kafka_topic_destroy(topic);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(producer->client, 0, topic, &metadata, INIT_TIMEOUT_MS);
    if (!code && metadata->topic_cnt == 1)
        code = metadata->topics[0].err;
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    if (!code)
        return WB_OK;
    (void)wb_kafka_failed(err, code, "cannot find a topic");
    return err->category == WB_CAT_NOT_FOUND ? wb_kafka_missing(err, name) : WB_ERROR;
}

static rd_kafka_headers_t *headers_of(const struct wb_pair *headers, size_t count)
{
    if (count == 0)
        return NULL;
    rd_kafka_headers_t *list = rd_kafka_headers_new(count);
    for (size_t i = 0; i < count && i < HEADERS_MAX; i++)
        (void)rd_kafka_header_add(list, headers[i].key, -1, headers[i].value, -1);
    return list;
}

/* One try. rd_kafka_producev, not produceva: that one frees twice on error in 2.0.2. */
static rd_kafka_resp_err_t send_once(struct wb_producer *producer, const char *topic,
                                     int32_t partition, struct wb_span key, struct wb_span value,
                                     rd_kafka_headers_t *headers, uint64_t ticket)
{
    int32_t to = partition < 0 ? RD_KAFKA_PARTITION_UA : partition;
    void *key_data = (void *)(uintptr_t)key.data;
    void *value_data = (void *)(uintptr_t)value.data;
    if (!headers)
        return rd_kafka_producev(producer->client, RD_KAFKA_V_TOPIC(topic),
                                 RD_KAFKA_V_PARTITION(to), RD_KAFKA_V_KEY(key_data, key.len),
                                 RD_KAFKA_V_VALUE(value_data, value.len),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_OPAQUE((void *)(uintptr_t)ticket), RD_KAFKA_V_END);
    return rd_kafka_producev(producer->client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(to),
                             RD_KAFKA_V_KEY(key_data, key.len),
                             RD_KAFKA_V_VALUE(value_data, value.len),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers),
                             RD_KAFKA_V_OPAQUE((void *)(uintptr_t)ticket), RD_KAFKA_V_END);
}

enum wb_rc wb_producer_send_headers(struct wb_producer *producer, const char *topic,
                                    int32_t partition, struct wb_span key, struct wb_span value,
                                    const struct wb_pair *headers, size_t header_count,
                                    uint64_t ticket, struct wb_err *err)
{
    for (;;) {
        rd_kafka_headers_t *list = headers_of(headers, header_count);
        rd_kafka_resp_err_t code = send_once(producer, topic, partition, key, value, list, ticket);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return WB_OK;
        if (list)
            rd_kafka_headers_destroy(list);
        if (code == RD_KAFKA_RESP_ERR__FATAL)
            atomic_store(&producer->fatal, true);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return wb_kafka_failed(err, code, "cannot send a record");
        (void)rd_kafka_poll(producer->client, FULL_POLL_MS);
    }
}

enum wb_rc wb_producer_send(struct wb_producer *producer, const char *topic, int32_t partition,
                            struct wb_span key, struct wb_span value, uint64_t ticket,
                            struct wb_err *err)
{
    return wb_producer_send_headers(producer, topic, partition, key, value, NULL, 0, ticket, err);
}

void wb_producer_poll(struct wb_producer *producer, int timeout_ms)
{
    (void)rd_kafka_poll(producer->client, timeout_ms);
}

enum wb_rc wb_producer_end_of(struct wb_producer *producer, const char *topic, int32_t partition,
                              int64_t *ret, struct wb_err *err)
{
    int64_t low;
    return wb_kafka_ends(producer->client, topic, partition, &low, ret, err);
}

enum wb_rc wb_producer_flush(struct wb_producer *producer, int timeout_ms, struct wb_err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(producer->client, timeout_ms);
    return code ? wb_kafka_failed(err, code, "records not delivered in time") : WB_OK;
}

enum wb_producer_state wb_producer_state(const struct wb_producer *producer)
{
    char why[2];
    if (atomic_load(&producer->fatal) || rd_kafka_fatal_error(producer->client, why, sizeof(why)))
        return WB_PRODUCER_FATAL;
    return atomic_load(&producer->must_abort) ? WB_PRODUCER_MUST_ABORT : WB_PRODUCER_FINE;
}

enum wb_rc wb_txn_begin(struct wb_producer *producer, struct wb_err *err)
{
    rd_kafka_error_t *error = rd_kafka_begin_transaction(producer->client);
    return error ? failed(producer, error, "cannot begin a transaction", err) : WB_OK;
}

/* The group's generation goes with the offsets: a member that was replaced fails here (KIP-447). */
static enum wb_rc send_offsets(struct wb_producer *producer, struct wb_consumer *consumer,
                               const struct wb_position *positions, size_t count, int64_t until_ms,
                               struct wb_err *err)
{
    rd_kafka_topic_partition_list_t *list = wb_kafka_list(positions, count);
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(consumer->client);
    rd_kafka_error_t *error;
    for (;;) {
        error = rd_kafka_send_offsets_to_transaction(producer->client, list, group, 5000);
        if (!error || !rd_kafka_error_is_retriable(error) || wb_clock_mono_ms() > until_ms)
            break;
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (group)
        rd_kafka_consumer_group_metadata_destroy(group);
    return error ? failed(producer, error, "cannot add offsets to a transaction", err) : WB_OK;
}

/* A commit that failed without asking for an abort is in doubt: this client takes neither another
 * commit nor an abort then (it ends by an assertion), only a new producer finds out. */
static enum wb_rc commit_failed(struct wb_producer *producer, rd_kafka_error_t *error,
                                struct wb_err *err)
{
    if (!rd_kafka_error_txn_requires_abort(error))
        atomic_store(&producer->fatal, true);
    return failed(producer, error, "cannot commit a transaction", err);
}

enum wb_rc wb_txn_commit(struct wb_producer *producer, struct wb_consumer *consumer,
                         const struct wb_position *positions, size_t count, struct wb_err *err)
{
    int64_t until_ms = wb_clock_mono_ms() + INIT_TIMEOUT_MS;
    if (count && send_offsets(producer, consumer, positions, count, until_ms, err) != WB_OK)
        return WB_ERROR;
    /* Once only: a second call while the first one is undecided can end this client by an
     * assertion. */
    rd_kafka_error_t *error = rd_kafka_commit_transaction(producer->client, INIT_TIMEOUT_MS);
    return error ? commit_failed(producer, error, err) : WB_OK;
}

enum wb_rc wb_txn_abort(struct wb_producer *producer, struct wb_err *err)
{
    int64_t until_ms = wb_clock_mono_ms() + INIT_TIMEOUT_MS;
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_abort_transaction(producer->client, 5000);
        if (!error) {
            atomic_store(&producer->must_abort, false);
            return WB_OK;
        }
        if (!rd_kafka_error_is_retriable(error) || wb_clock_mono_ms() > until_ms)
            return failed(producer, error, "cannot abort a transaction", err);
        rd_kafka_error_destroy(error);
    }
}
