#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"
#include "producer/put.h"

enum { TOPIC_MAX = 256, KEY_MAX = 8192, ID_TEXT = 40 };

struct wb_publisher {
    struct wb_codec *codec;
    struct wb_producer *producer;
    struct wb_buf key;
    struct wb_buf value;
    int32_t partitions;
    char topic[TOPIC_MAX];
    wb_sent_fn *sent;
    void *arg;
    bool failed;
    struct wb_err failure;
};

/* What the delivery report of an event needs. */
struct under_way {
    struct wb_file_event event;
    char node[64];
    char etag[WB_ETAG_MAX];
    uint8_t path[];
};

static void on_delivered(void *arg, uint64_t ticket, const char *topic, int32_t partition,
                         int64_t offset, const struct wb_err *err)
{
    struct wb_publisher *publisher = arg;
    struct under_way *event = (struct under_way *)(uintptr_t)ticket;
    (void)topic;
    (void)partition;
    if (err && !publisher->failed) {
        publisher->failed = true;
        publisher->failure = *err;
    }
    if (!err && publisher->sent)
        publisher->sent(publisher->arg, &event->event, offset);
    free(event);
}

enum wb_rc wb_publisher_new(const struct wb_config *config, wb_sent_fn *sent, void *arg,
                            struct wb_publisher **ret, struct wb_err *err)
{
    struct wb_publisher *publisher = wb_xcalloc(1, sizeof(*publisher));
    publisher->sent = sent;
    publisher->arg = arg;
    publisher->key = wb_buf_make(KEY_MAX);
    publisher->value = wb_buf_make(WB_RECORD_MAX);
    (void)wb_topic_name(config, WB_TOPIC_EVENTS, NULL, publisher->topic);
    if (wb_topics_partitions(config, &publisher->partitions, err) != WB_OK ||
        wb_codec_new(&publisher->codec, err) != WB_OK ||
        wb_producer_new(config, NULL, on_delivered, publisher, &publisher->producer, err) !=
            WB_OK ||
        wb_producer_prepare(publisher->producer, publisher->topic, err) != WB_OK) {
        wb_publisher_free(&publisher);
        return WB_ERROR;
    }
    *ret = publisher;
    return WB_OK;
}

void wb_publisher_free(struct wb_publisher **publisher)
{
    if (!*publisher)
        return;
    wb_producer_free(&(*publisher)->producer);
    wb_codec_free(&(*publisher)->codec);
    wb_buf_free(&(*publisher)->key);
    wb_buf_free(&(*publisher)->value);
    free(*publisher);
    *publisher = NULL;
}

static enum wb_rc failure_of(const struct wb_publisher *publisher, struct wb_err *err)
{
    if (!publisher->failed)
        return WB_OK;
    *err = publisher->failure;
    return WB_ERROR;
}

static struct under_way *under_way_new(const struct wb_file_event *event)
{
    struct under_way *copy = wb_xcalloc(1, sizeof(*copy) + event->path.len);
    (void)snprintf(copy->node, sizeof(copy->node), "%s", event->node);
    (void)snprintf(copy->etag, sizeof(copy->etag), "%s", event->etag ? event->etag : "");
    memcpy(copy->path, event->path.data, event->path.len);
    copy->event = (struct wb_file_event){.kind = event->kind,
                                         .node = copy->node,
                                         .path = wb_span_of(copy->path, event->path.len),
                                         .size_bytes = event->size_bytes,
                                         .mtime_ns = event->mtime_ns,
                                         .etag = copy->etag};
    return copy;
}

static enum wb_rc send(struct wb_publisher *publisher, const struct wb_file_event *event,
                       struct wb_err *err)
{
    wb_buf_clear(&publisher->key);
    wb_buf_clear(&publisher->value);
    if (wb_file_key(event->node, event->path, &publisher->key, err) != WB_OK ||
        wb_codec_encode(publisher->codec, WB_RECORD_FILE_EVENT, event, &publisher->value, err) !=
            WB_OK)
        return WB_ERROR;
    int32_t home = wb_home_partition(event->node, event->path, publisher->partitions);
    struct under_way *ticket = under_way_new(event);
    if (wb_producer_send(publisher->producer, publisher->topic, home, wb_buf_span(&publisher->key),
                         wb_buf_span(&publisher->value), (uint64_t)(uintptr_t)ticket,
                         err) != WB_OK) {
        free(ticket);
        return WB_ERROR;
    }
    wb_producer_poll(publisher->producer, 0);
    return failure_of(publisher, err);
}

/* A random UUID (RFC 9562, version 4). */
static void draw_id(char id[ID_TEXT])
{
    uint64_t high = (wb_random_u64() & ~UINT64_C(0xf000)) | 0x4000;
    uint64_t low = (wb_random_u64() & ~(UINT64_C(3) << 62)) | (UINT64_C(2) << 62);
    (void)snprintf(id, ID_TEXT, "%08llx-%04llx-%04llx-%04llx-%012llx",
                   (unsigned long long)(high >> 32), (unsigned long long)(high >> 16 & 0xffff),
                   (unsigned long long)(high & 0xffff), (unsigned long long)(low >> 48),
                   (unsigned long long)(low & 0xffffffffffff));
}

enum wb_rc wb_publisher_send(struct wb_publisher *publisher, const struct wb_file_event *event,
                             struct wb_err *err)
{
    char id[ID_TEXT];
    struct wb_file_event filled = *event;
    if (wb_name_check(event->node, err) != WB_OK || wb_path_check(event->path, err) != WB_OK)
        return WB_ERROR;
    if (!filled.id || !*filled.id) {
        draw_id(id);
        filled.id = id;
    }
    if (filled.time_ms <= 0)
        filled.time_ms = wb_clock_wall_ms();
    return send(publisher, &filled, err);
}

enum wb_rc wb_publisher_flush(struct wb_publisher *publisher, int timeout_ms, struct wb_err *err)
{
    if (wb_producer_flush(publisher->producer, timeout_ms, err) != WB_OK)
        return WB_ERROR;
    return failure_of(publisher, err);
}

struct wb_file_event wb_event_written(const char *node, struct wb_span path,
                                      const struct wb_stat *stat)
{
    return (struct wb_file_event){.kind = WB_EVENT_WRITTEN,
                                  .node = node,
                                  .path = path,
                                  .size_bytes = stat->version.size_bytes,
                                  .mtime_ns = stat->version.mtime_ns,
                                  .etag = stat->etag};
}

struct wb_file_event wb_event_deleted(const char *node, struct wb_span path)
{
    return (struct wb_file_event){
        .kind = WB_EVENT_DELETED, .node = node, .path = path, .size_bytes = -1, .mtime_ns = -1};
}
