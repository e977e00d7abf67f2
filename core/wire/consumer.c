#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/wire/kafka_parts.h"

enum { ASK_TIMEOUT_MS = 10000, ASK_AGAIN_MS = 20, CLOSE_POLLS = 50, CLOSE_POLL_MS = 100 };

rd_kafka_topic_partition_list_t *wb_kafka_list(const struct wb_position *positions, size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, positions[i].topic, positions[i].partition)
            ->offset = positions[i].offset;
    return list;
}

static struct wb_position *positions_of(const rd_kafka_topic_partition_list_t *list)
{
    struct wb_position *positions = wb_xcalloc((size_t)list->cnt, sizeof(*positions));
    for (int i = 0; i < list->cnt; i++) {
        positions[i].topic = list->elems[i].topic;
        positions[i].partition = list->elems[i].partition;
        positions[i].offset = list->elems[i].offset < 0 ? -1 : list->elems[i].offset;
    }
    return positions;
}

/* The committed offsets come once no transaction holds them open: librdkafka asks for stable ones
 * when it reads committed records (KIP-447). What has none begins at the beginning. */
static enum wb_rc take_assignment(struct wb_consumer *consumer,
                                  rd_kafka_topic_partition_list_t *list, struct wb_err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_committed(consumer->client, list, ASK_TIMEOUT_MS);
    if (code)
        return wb_kafka_failed(err, code, "cannot read committed offsets");
    struct wb_position *positions WB_AUTO(wb_free_ptr) = positions_of(list);
    if (consumer->has_ops && consumer->ops.assigned &&
        consumer->ops.assigned(consumer->ops.arg, positions, (size_t)list->cnt, err) != WB_OK)
        return WB_ERROR;
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset =
            positions[i].offset < 0 ? RD_KAFKA_OFFSET_BEGINNING : positions[i].offset;
    code = rd_kafka_assign(consumer->client, list);
    if (code)
        return wb_kafka_failed(err, code, "cannot take an assignment");
    /* A pause outlives the assignment that it was made in. */
    (void)rd_kafka_resume_partitions(consumer->client, list);
    consumer->joined = true;
    return WB_OK;
}

static void give_up_assignment(struct wb_consumer *consumer,
                               const rd_kafka_topic_partition_list_t *list)
{
    bool lost = rd_kafka_assignment_lost(consumer->client) != 0;
    struct wb_position *positions WB_AUTO(wb_free_ptr) = positions_of(list);
    if (consumer->has_ops && consumer->ops.revoked)
        consumer->ops.revoked(consumer->ops.arg, positions, (size_t)list->cnt, lost);
    (void)rd_kafka_assign(consumer->client, NULL);
    consumer->joined = false;
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct wb_consumer *consumer = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        consumer->handler_rc = take_assignment(consumer, list, &consumer->handler_err);
        if (consumer->handler_rc != WB_OK)
            (void)rd_kafka_assign(client, NULL);
    } else {
        give_up_assignment(consumer, list);
    }
}

static enum wb_rc conf_for(const struct wb_config *config, const char *group, const char *member,
                           rd_kafka_conf_t **ret, struct wb_err *err)
{
    rd_kafka_conf_t *conf;
    if (wb_kafka_conf(config, WB_KAFKA_CONSUMER, &conf, err) != WB_OK)
        return WB_ERROR;
    if (wb_kafka_set(conf, "group.id", group ? group : "waybill-reader", err) != WB_OK ||
        wb_kafka_set(conf, "enable.partition.eof", group ? "false" : "true", err) != WB_OK ||
        (member && wb_kafka_set(conf, "group.instance.id", member, err) != WB_OK)) {
        rd_kafka_conf_destroy(conf);
        return WB_ERROR;
    }
    *ret = conf;
    return WB_OK;
}

enum wb_rc wb_consumer_new(const struct wb_config *config, const char *group,
                           const struct wb_rebalance_ops *ops, struct wb_consumer **ret,
                           struct wb_err *err)
{
    return wb_consumer_new_static(config, group, NULL, ops, ret, err);
}

enum wb_rc wb_consumer_new_static(const struct wb_config *config, const char *group,
                                  const char *member, const struct wb_rebalance_ops *ops,
                                  struct wb_consumer **ret, struct wb_err *err)
{
    char why[256];
    rd_kafka_conf_t *conf;
    if (conf_for(config, group, member, &conf, err) != WB_OK)
        return WB_ERROR;
    struct wb_consumer *consumer = wb_xcalloc(1, sizeof(*consumer));
    consumer->group = group != NULL;
    consumer->has_ops = ops != NULL;
    if (ops)
        consumer->ops = *ops;
    rd_kafka_conf_set_opaque(conf, consumer);
    if (group)
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    consumer->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!consumer->client) {
        rd_kafka_conf_destroy(conf);
        free(consumer);
        return wb_err_set(err, WB_CAT_USAGE, "no kafka consumer: %s", why);
    }
    (void)rd_kafka_poll_set_consumer(consumer->client);
    *ret = consumer;
    return WB_OK;
}

/* Closing by a queue of our own bounds the wait; rd_kafka_consumer_close may take for ever. */
static void leave_group(struct wb_consumer *consumer)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer->client, queue);
    if (error)
        rd_kafka_error_destroy(error);
    for (int i = 0; i < CLOSE_POLLS && !rd_kafka_consumer_closed(consumer->client); i++) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CLOSE_POLL_MS);
        if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
            on_rebalance(consumer->client, rd_kafka_event_error(event),
                         rd_kafka_event_topic_partition_list(event), consumer);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
}

void wb_consumer_leave(struct wb_consumer *consumer)
{
    if (!consumer || !consumer->group)
        return;
    leave_group(consumer);
    consumer->group = false;
}

void wb_consumer_free(struct wb_consumer **consumer)
{
    if (!*consumer)
        return;
    wb_consumer_leave(*consumer);
    rd_kafka_destroy_flags((*consumer)->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(*consumer);
    *consumer = NULL;
}

enum wb_rc wb_consumer_subscribe(struct wb_consumer *consumer, const char *const *topics,
                                 size_t count, struct wb_err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        (void)rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? wb_kafka_failed(err, code, "cannot subscribe") : WB_OK;
}

enum wb_rc wb_consumer_assign(struct wb_consumer *consumer, const struct wb_position *positions,
                              size_t count, struct wb_err *err)
{
    rd_kafka_topic_partition_list_t *list = wb_kafka_list(positions, count);
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset < 0)
            list->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? wb_kafka_failed(err, code, "cannot assign partitions") : WB_OK;
}

static bool is_passing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__PARTITION_EOF || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
           code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__RESOLVE ||
           code == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static struct wb_message *message_of(rd_kafka_message_t *raw)
{
    struct wb_message *message = wb_xcalloc(1, sizeof(*message));
    message->topic = rd_kafka_topic_name(raw->rkt);
    message->partition = raw->partition;
    message->offset = raw->offset;
    message->timestamp_ms = rd_kafka_message_timestamp(raw, NULL);
    message->key = wb_span_of(raw->key, raw->key_len);
    message->value = wb_span_of(raw->payload, raw->len);
    message->handle = raw;
    return message;
}

enum wb_rc wb_consumer_poll(struct wb_consumer *consumer, int timeout_ms, struct wb_message **ret,
                            struct wb_err *err)
{
    *ret = NULL;
    rd_kafka_message_t *raw = rd_kafka_consumer_poll(consumer->client, timeout_ms);
    if (consumer->handler_rc != WB_OK) {
        *err = consumer->handler_err;
        consumer->handler_rc = WB_OK;
        if (raw)
            rd_kafka_message_destroy(raw);
        return WB_ERROR;
    }
    if (!raw)
        return WB_OK;
    if (raw->err) {
        rd_kafka_resp_err_t code = raw->err;
        rd_kafka_message_destroy(raw);
        return is_passing(code) ? WB_OK : wb_kafka_failed(err, code, "cannot read from the log");
    }
    *ret = message_of(raw);
    return WB_OK;
}

void wb_message_free(struct wb_message **message)
{
    if (!*message)
        return;
    rd_kafka_message_destroy((*message)->handle);
    free(*message);
    *message = NULL;
}

enum wb_rc wb_consumer_commit(struct wb_consumer *consumer, const struct wb_position *positions,
                              size_t count, bool wait, struct wb_err *err)
{
    if (count == 0)
        return WB_OK;
    rd_kafka_topic_partition_list_t *list = wb_kafka_list(positions, count);
    rd_kafka_resp_err_t code = rd_kafka_commit(consumer->client, list, !wait);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? wb_kafka_failed(err, code, "cannot commit offsets") : WB_OK;
}

enum wb_rc wb_consumer_seek(struct wb_consumer *consumer, const struct wb_position *position,
                            struct wb_err *err)
{
    rd_kafka_topic_partition_list_t *list = wb_kafka_list(position, 1);
    if (position->offset < 0)
        list->elems[0].offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer->client, list, ASK_TIMEOUT_MS);
    rd_kafka_resp_err_t code = list->elems[0].err;
    rd_kafka_topic_partition_list_destroy(list);
    if (error)
        return wb_kafka_failed_error(err, error, "cannot seek");
    return code ? wb_kafka_failed(err, code, "cannot seek") : WB_OK;
}

enum wb_rc wb_consumer_pause(struct wb_consumer *consumer, const struct wb_position *positions,
                             size_t count, bool pause, struct wb_err *err)
{
    rd_kafka_topic_partition_list_t *list = wb_kafka_list(positions, count);
    rd_kafka_resp_err_t code = pause ? rd_kafka_pause_partitions(consumer->client, list)
                                     : rd_kafka_resume_partitions(consumer->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? wb_kafka_failed(err, code, "cannot pause or resume") : WB_OK;
}

static bool is_moving(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

/* rd_kafka_query_watermark_offsets (2.0.2) waits past its time limit for as long as the broker is
 * away; a lookup "by time" of the two times that mean the ends keeps to it. */
static rd_kafka_resp_err_t look_up(rd_kafka_t *client, const char *topic, int32_t partition,
                                   int64_t time, int64_t *ret)
{
    const struct wb_position asked = {.topic = topic, .partition = partition, .offset = time};
    rd_kafka_topic_partition_list_t *list = wb_kafka_list(&asked, 1);
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, list, ASK_TIMEOUT_MS);
    if (!code)
        code = list->elems[0].err;
    *ret = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

enum wb_rc wb_kafka_ends(rd_kafka_t *client, const char *topic, int32_t partition, int64_t *ret_low,
                         int64_t *ret_high, struct wb_err *err)
{
    int64_t until_ms = wb_clock_mono_ms() + ASK_TIMEOUT_MS;
    rd_kafka_resp_err_t code;
    do {
        code = look_up(client, topic, partition, RD_KAFKA_OFFSET_BEGINNING, ret_low);
        if (!code)
            code = look_up(client, topic, partition, RD_KAFKA_OFFSET_END, ret_high);
        if (!is_moving(code))
            break;
        (void)rd_kafka_poll(client, ASK_AGAIN_MS);
    } while (wb_clock_mono_ms() < until_ms);
    return code ? wb_kafka_failed(err, code, "cannot ask for the ends of a partition") : WB_OK;
}

enum wb_rc wb_consumer_watermarks(struct wb_consumer *consumer, const char *topic,
                                  int32_t partition, int64_t *ret_low, int64_t *ret_high,
                                  struct wb_err *err)
{
    return wb_kafka_ends(consumer->client, topic, partition, ret_low, ret_high, err);
}

enum wb_rc wb_consumer_offset_at(struct wb_consumer *consumer, const char *topic, int32_t partition,
                                 int64_t wall_ms, int64_t *ret, struct wb_err *err)
{
    const struct wb_position asked = {.topic = topic, .partition = partition, .offset = wall_ms};
    rd_kafka_topic_partition_list_t *list = wb_kafka_list(&asked, 1);
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(consumer->client, list, ASK_TIMEOUT_MS);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return wb_kafka_failed(err, code, "cannot look an offset up by time");
    int64_t low;
    if (offset < 0)
        return wb_consumer_watermarks(consumer, topic, partition, &low, ret, err);
    *ret = offset;
    return WB_OK;
}

enum wb_rc wb_consumer_committed(struct wb_consumer *consumer, const char *topic, int32_t partition,
                                 int64_t *ret, struct wb_err *err)
{
    const struct wb_position asked = {.topic = topic, .partition = partition, .offset = -1};
    rd_kafka_topic_partition_list_t *list = wb_kafka_list(&asked, 1);
    rd_kafka_resp_err_t code = rd_kafka_committed(consumer->client, list, ASK_TIMEOUT_MS);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return wb_kafka_failed(err, code, "cannot read a committed offset");
    *ret = offset < 0 ? -1 : offset;
    return WB_OK;
}

bool wb_consumer_joined(const struct wb_consumer *consumer)
{
    return consumer->joined;
}
