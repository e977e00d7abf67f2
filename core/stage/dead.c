#include "core/stage/dead.h"

#include <stdio.h>

#include "core/base/clock.h"

/* Together well below Kafka's default of 1 MiB for a record, whatever the topic was made with. */
enum { VALUE_MOST = 896 * 1024, KEY_MOST = 32 * 1024, TOPIC_MAX = 256, NUMBER_MAX = 24 };

static struct wb_span cut(struct wb_span span, size_t most, const char *what, struct wb_err *error)
{
    if (span.len <= most)
        return span;
    (void)wb_err_prefix(error, "%s cut after %zu of %zu bytes", what, most, span.len);
    return wb_span_of(span.data, most);
}

static void fill(struct wb_dead_letter *letter, const char *stage, const struct wb_message *message,
                 const struct wb_err *why)
{
    *letter = (struct wb_dead_letter){
        .time_ms = wb_clock_wall_ms(),
        .stage = stage,
        .topic = message->topic,
        .partition = message->partition,
        .offset = message->offset,
        .job = "",
        .source = "",
        .target = "",
        .event_id = "",
        .error = *why,
    };
    letter->value = cut(message->value, VALUE_MOST, "value", &letter->error);
    letter->key = cut(message->key, KEY_MOST, "key", &letter->error);
}

static enum wb_rc send_letter(struct wb_producer *producer, struct wb_codec *codec,
                              const struct wb_config *config, const char *stage,
                              const struct wb_message *message, const struct wb_err *why,
                              uint64_t ticket, struct wb_err *err)
{
    char topic[TOPIC_MAX];
    char partition[NUMBER_MAX];
    char offset[NUMBER_MAX];
    struct wb_dead_letter letter;
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    fill(&letter, stage, message, why);
    if (wb_codec_encode(codec, WB_RECORD_DEAD_LETTER, &letter, &value, err) != WB_OK)
        return WB_ERROR;
    (void)snprintf(partition, sizeof(partition), "%d", (int)message->partition);
    (void)snprintf(offset, sizeof(offset), "%lld", (long long)message->offset);
    const struct wb_pair headers[] = {
        {"__dlq.errors.topic", message->topic},
        {"__dlq.errors.partition", partition},
        {"__dlq.errors.offset", offset},
        {"__dlq.errors.message", letter.error.text},
    };
    return wb_producer_send_headers(producer, wb_topic_name(config, WB_TOPIC_DEAD, NULL, topic), 0,
                                    letter.key, wb_buf_span(&value), headers,
                                    sizeof(headers) / sizeof(headers[0]), ticket, err);
}

void wb_dead_strip(struct wb_message *message, struct wb_err *why)
{
    (void)wb_err_prefix(why,
                        "without the record's bytes, too many for the log (key %zu, value %zu)",
                        message->key.len, message->value.len);
    message->key = message->value = wb_span_of(NULL, 0);
}

enum wb_rc wb_dead_send(struct wb_producer *producer, struct wb_codec *codec,
                        const struct wb_config *config, const char *stage,
                        const struct wb_message *message, const struct wb_err *why, uint64_t ticket,
                        struct wb_err *err)
{
    struct wb_message bare = *message;
    struct wb_err reason = *why;
    if (send_letter(producer, codec, config, stage, message, why, ticket, err) == WB_OK)
        return WB_OK;
    if (err->category != WB_CAT_LIMIT)
        return WB_ERROR;
    wb_dead_strip(&bare, &reason);
    return send_letter(producer, codec, config, stage, &bare, &reason, ticket, err);
}
