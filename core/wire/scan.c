/* Reading a topic from start to end: the ends are those at the call. The last offsets of a
 * partition may hold transaction markers or nothing (compaction), so its end may only be known by
 * its EOF; what was written after the call is left for the next scan. */
#include <stdio.h>
#include <stdlib.h>

#include "core/wire/kafka_parts.h"

enum { TIMEOUT_MS = 10000, POLL_MS = 1000, SILENT_POLLS = 30 };

struct scan {
    struct wb_consumer *consumer;
    const char *topic;
    int64_t *next; /* by partition */
    int64_t *end;
    int32_t count;
    int32_t open; /* partitions not read to their end */
    bool whole;   /* to the end of what was written, not of what can be read now */
};

static enum wb_rc partition_count(struct scan *scan, struct wb_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(scan->consumer->client, scan->topic, NULL);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(scan->consumer->client, 0, topic, &metadata, TIMEOUT_MS);
    rd_kafka_topic_destroy(topic);
    if (code)
        return wb_kafka_failed(err, code, "cannot reach the log");
    code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    scan->count = code ? 0 : metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    if (code || scan->count == 0)
        return wb_kafka_missing(err, scan->topic);
    return WB_OK;
}

static enum wb_rc ask_ends(rd_kafka_t *client, const char *topic, int64_t *ret_ends, int32_t count,
                           struct wb_err *err)
{
    for (int32_t i = 0; i < count; i++) {
        int64_t low;
        if (wb_kafka_ends(client, topic, i, &low, &ret_ends[i], err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* The brokers answer a reader of committed records with the last stable offset: a client of its own
 * asks for what lies behind it, too. */
enum wb_rc wb_log_ends(const struct wb_config *config, const char *topic, int64_t *ret_ends,
                       int32_t count, struct wb_err *err)
{
    char why[256];
    rd_kafka_conf_t *conf;
    if (wb_kafka_conf(config, WB_KAFKA_CONSUMER, &conf, err) != WB_OK)
        return WB_ERROR;
    rd_kafka_t *client = NULL;
    if (wb_kafka_set(conf, "isolation.level", "read_uncommitted", err) == WB_OK) {
        client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
        if (!client)
            (void)wb_err_set(err, WB_CAT_USAGE, "no kafka consumer: %s", why);
    }
    if (!client) {
        rd_kafka_conf_destroy(conf);
        return WB_ERROR;
    }
    enum wb_rc rc = ask_ends(client, topic, ret_ends, count, err);
    rd_kafka_destroy(client);
    return rc;
}

static enum wb_rc begin(struct scan *scan, const struct wb_config *config, const int64_t *from,
                        int32_t from_count, struct wb_err *err)
{
    if (partition_count(scan, err) != WB_OK)
        return WB_ERROR;
    scan->next = wb_xcalloc((size_t)scan->count, sizeof(*scan->next));
    scan->end = wb_xcalloc((size_t)scan->count, sizeof(*scan->end));
    struct wb_position *positions WB_AUTO(wb_free_ptr) =
        wb_xcalloc((size_t)scan->count, sizeof(*positions));
    size_t count = 0;
    for (int32_t i = 0; i < scan->count; i++) {
        int64_t low;
        if (wb_consumer_watermarks(scan->consumer, scan->topic, i, &low, &scan->end[i], err) !=
            WB_OK)
            return WB_ERROR;
        scan->next[i] = low;
    }
    if (scan->whole && wb_log_ends(config, scan->topic, scan->end, scan->count, err) != WB_OK)
        return WB_ERROR;
    for (int32_t i = 0; i < scan->count; i++) {
        int64_t start = from && i < from_count ? from[i] : -1;
        if (start > scan->next[i])
            scan->next[i] = start;
        if (scan->next[i] >= scan->end[i])
            continue;
        positions[count++] = (struct wb_position){scan->topic, i, scan->next[i]};
    }
    scan->open = (int32_t)count;
    return wb_consumer_assign(scan->consumer, positions, count, err);
}

static void advance(struct scan *scan, int32_t partition, int64_t next)
{
    bool was_open = scan->next[partition] < scan->end[partition];
    scan->next[partition] = next;
    if (was_open && next >= scan->end[partition])
        scan->open--;
}

static enum wb_rc take(struct scan *scan, rd_kafka_message_t *raw,
                       enum wb_rc (*visit)(void *, const struct wb_message *, struct wb_err *),
                       void *arg, struct wb_err *err)
{
    bool eof = raw->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (raw->err && !eof)
        return wb_kafka_failed(err, raw->err, "cannot read from the log");
    /* What lies at the end and behind it is passed over, so the next scan begins at the end,
     * however far this one has seen. An EOF before the end is that of a transaction still open. */
    if (raw->offset >= scan->end[raw->partition])
        advance(scan, raw->partition, scan->end[raw->partition]);
    if (eof || raw->offset >= scan->end[raw->partition])
        return WB_OK;
    const struct wb_message message = {.topic = scan->topic,
                                       .partition = raw->partition,
                                       .offset = raw->offset,
                                       .timestamp_ms = rd_kafka_message_timestamp(raw, NULL),
                                       .key = wb_span_of(raw->key, raw->key_len),
                                       .value = wb_span_of(raw->payload, raw->len)};
    if (visit(arg, &message, err) != WB_OK)
        return WB_ERROR;
    advance(scan, raw->partition, raw->offset + 1);
    return WB_OK;
}

static enum wb_rc read_all(struct scan *scan,
                           enum wb_rc (*visit)(void *, const struct wb_message *, struct wb_err *),
                           void *arg, struct wb_err *err)
{
    int silent = 0;
    while (scan->open > 0) {
        rd_kafka_message_t *raw = rd_kafka_consumer_poll(scan->consumer->client, POLL_MS);
        if (!raw && ++silent < SILENT_POLLS)
            continue;
        if (!raw)
            return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_TIMEOUT,
                             "the log of \"%s\" gives nothing", scan->topic);
        silent = 0;
        enum wb_rc rc = take(scan, raw, visit, arg, err);
        rd_kafka_message_destroy(raw);
        if (rc != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static void scan_free(struct scan *scan)
{
    free(scan->next);
    free(scan->end);
    wb_consumer_free(&scan->consumer);
}

static enum wb_rc run(const struct wb_config *config, const char *topic, bool whole, int64_t *from,
                      int32_t from_count,
                      enum wb_rc (*visit)(void *, const struct wb_message *, struct wb_err *),
                      void *arg, struct wb_err *err)
{
    struct scan scan WB_AUTO(scan_free) = {.topic = topic, .whole = whole};
    if (wb_consumer_new(config, NULL, NULL, &scan.consumer, err) != WB_OK ||
        begin(&scan, config, from, from_count, err) != WB_OK ||
        read_all(&scan, visit, arg, err) != WB_OK)
        return WB_ERROR;
    for (int32_t i = 0; from && i < from_count && i < scan.count; i++)
        from[i] = scan.next[i];
    return WB_OK;
}

enum wb_rc wb_log_scan(const struct wb_config *config, const char *topic, int64_t *from,
                       int32_t from_count,
                       enum wb_rc (*visit)(void *arg, const struct wb_message *message,
                                           struct wb_err *err),
                       void *arg, struct wb_err *err)
{
    return run(config, topic, false, from, from_count, visit, arg, err);
}

enum wb_rc wb_log_scan_whole(const struct wb_config *config, const char *topic, int64_t *from,
                             int32_t from_count,
                             enum wb_rc (*visit)(void *arg, const struct wb_message *message,
                                                 struct wb_err *err),
                             void *arg, struct wb_err *err)
{
    return run(config, topic, true, from, from_count, visit, arg, err);
}
