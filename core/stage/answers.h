/* What a worker sends for a record that it has taken on: a report, or a letter to waybill.dead.
 * Thread-safe, but for the codec, which is the caller's. */
#ifndef WB_STAGE_ANSWERS_H
#define WB_STAGE_ANSWERS_H

#include "core/stage/backlog.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"

enum { WB_ANSWER_TOPIC_MAX = 256 };

/* Where answers go; filled by the worker. Each one that is under way holds a ticket of its item. */
struct wb_answers {
    const struct wb_config *config;
    struct wb_producer *producer;
    struct wb_backlog *backlog;
    const char *stage;
    enum wb_record_type type; /* of reports */
    char output[WB_ANSWER_TOPIC_MAX];
    char dead[WB_ANSWER_TOPIC_MAX];
};

/* A report without results is not sent; one that is larger than a record goes in parts, and a
 * result that no record takes goes as a failure of its file. */
enum wb_rc wb_answer_send(const struct wb_answers *answers, struct wb_codec *codec,
                          struct wb_item *item, const struct wb_report *report,
                          struct wb_err *err) WB_MUST_USE;

/* The record itself goes to dead, with the reason. */
enum wb_rc wb_answer_bury(const struct wb_answers *answers, struct wb_codec *codec,
                          struct wb_item *item, const struct wb_err *why,
                          struct wb_err *err) WB_MUST_USE;

/* For the callback of the producer: the log refused, with `err`, what was sent to `topic` for the
 * item. True when that was a letter, too large for the topic, and goes once more without the
 * record's bytes: its ticket is still open. */
bool wb_answer_again(const struct wb_answers *answers, struct wb_item *item, const char *topic,
                     const struct wb_err *err);

#endif
