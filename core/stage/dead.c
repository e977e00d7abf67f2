#include "core/stage/dead.h"

#include <stdio.h>

#include "core/base/clock.h"

enum { LETTER_ROOM = 64 * 1024, TOPIC_MAX = 256, NUMBER_MAX = 24 };

static void fill(struct wb_dead_letter *letter, const char *stage, const struct wb_message *message,
                 const struct wb_err *why)
{
    const size_t most = WB_RECORD_MAX - LETTER_ROOM;
    *letter = (struct wb_dead_letter){
        .time_ms = wb_clock_wall_ms(),
        .stage = stage,
        .topic = message->topic,
        .partition = message->partition,
        .offset = message->offset,
        .key = message->key,
        .value = message->value,
        .job = "",
        .source = "",
        .target = "",
        .event_id = "",
        .error = *why,
    };
    if (letter->key.len > LETTER_ROOM / 2)
        letter->key.len = LETTER_ROOM / 2;
    if (letter->value.len <= most)
        return;
    letter->value.len = most;
    (void)wb_err_prefix(&letter->error, "cut after %zu of %zu bytes", most, message->value.len);
}

enum wb_rc wb_dead_send(struct wb_producer *producer, struct wb_codec *codec,
                        const struct wb_config *config, const char *stage,
                        const struct wb_message *message, const struct wb_err *why, uint64_t ticket,
                        struct wb_err *err)
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
                                    message->key, wb_buf_span(&value), headers,
                                    sizeof(headers) / sizeof(headers[0]), ticket, err);
}
