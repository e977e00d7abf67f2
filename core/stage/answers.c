#include "core/stage/answers.h"

#include "core/base/log.h"
#include "core/stage/dead.h"

/* What could not be sent is not under way: its ticket is settled. */
static enum wb_rc settled_unless(enum wb_rc rc, const struct wb_answers *answers, uint64_t ticket)
{
    if (rc != WB_OK)
        wb_backlog_settle(answers->backlog, wb_backlog_item(ticket));
    return rc;
}

/* ---- letters ---- */

static enum wb_rc send_letter(const struct wb_answers *answers, struct wb_codec *codec,
                              const struct wb_item *item, uint64_t ticket, struct wb_err *err)
{
    struct wb_err why = item->why;
    struct wb_message message = *item->message;
    if (item->stripped)
        wb_dead_strip(&message, &why);
    return wb_dead_send(answers->producer, codec, answers->config, answers->stage, &message, &why,
                        ticket, err);
}

enum wb_rc wb_answer_bury(const struct wb_answers *answers, struct wb_codec *codec,
                          struct wb_item *item, const struct wb_err *why, struct wb_err *err)
{
    uint64_t ticket = wb_backlog_ticket(answers->backlog, item);
    WB_LOG(WB_LOG_WARN, "unreadable record goes to dead", WB_LOG_STR("topic", item->message->topic),
           WB_LOG_INT("partition", item->partition), WB_LOG_INT("offset", item->offset),
           WB_LOG_STR("reason", why->text));
    item->why = *why;
    return settled_unless(send_letter(answers, codec, item, ticket, err), answers, ticket);
}

bool wb_answer_again(const struct wb_answers *answers, struct wb_item *item, const char *topic,
                     const struct wb_err *err)
{
    struct wb_err ignored;
    struct wb_codec *codec WB_AUTO(wb_codec_free) = NULL;
    bool too_large = err->category == WB_CAT_LIMIT && strcmp(topic, answers->dead) == 0;
    if (!too_large || item->stripped)
        return false;
    item->stripped = true;
    return wb_codec_new(&codec, &ignored) == WB_OK &&
           send_letter(answers, codec, item, (uint64_t)(uintptr_t)item, &ignored) == WB_OK;
}

/* ---- reports ---- */

static enum wb_rc send_one(const struct wb_answers *answers, struct wb_codec *codec,
                           struct wb_item *item, const struct wb_report *report, struct wb_err *err)
{
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    if (wb_codec_encode(codec, answers->type, report, &value, err) != WB_OK)
        return WB_ERROR;
    uint64_t ticket = wb_backlog_ticket(answers->backlog, item);
    return settled_unless(wb_producer_send(answers->producer, answers->output, report->partition,
                                           wb_span_of(NULL, 0), wb_buf_span(&value), ticket, err),
                          answers, ticket);
}

/* A result that no record takes is a failure of its file; what cannot even be named is buried. */
static enum wb_rc send_too_large(const struct wb_answers *answers, struct wb_codec *codec,
                                 struct wb_item *item, const struct wb_report *report,
                                 struct wb_err *err)
{
    const struct wb_result *whole = report->results;
    struct wb_err why = *err;
    struct wb_result result = {.job = whole->job,
                               .attempt = whole->attempt,
                               .path = whole->path,
                               .outcome = WB_OUTCOME_FAILED,
                               .instance = whole->instance,
                               .free_bytes = -1,
                               .error = &why};
    struct wb_report small = *report;
    small.results = &result;
    (void)wb_err_prefix(&why, "the result is too large");
    wb_err_place(&why, WB_SCOPE_TRANSFER, wb_op_name(report->op));
    if (send_one(answers, codec, item, &small, err) == WB_OK)
        return WB_OK;
    return err->category == WB_CAT_LIMIT ? wb_answer_bury(answers, codec, item, &why, err)
                                         : WB_ERROR;
}

enum wb_rc wb_answer_send(const struct wb_answers *answers, struct wb_codec *codec,
                          struct wb_item *item, const struct wb_report *report, struct wb_err *err)
{
    if (report->result_count == 0 || send_one(answers, codec, item, report, err) == WB_OK)
        return WB_OK;
    if (err->category != WB_CAT_LIMIT)
        return WB_ERROR;
    if (report->result_count == 1)
        return send_too_large(answers, codec, item, report, err);
    struct wb_report half = *report;
    half.result_count = report->result_count / 2;
    if (wb_answer_send(answers, codec, item, &half, err) != WB_OK)
        return WB_ERROR;
    half.results = report->results + half.result_count;
    half.result_count = report->result_count - half.result_count;
    return wb_answer_send(answers, codec, item, &half, err);
}
