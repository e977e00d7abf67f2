/* Records in: events become links to look at, reports and verdicts answers for them. What can't be
 * read, or names what can't be, goes to dead untouched. */
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "planner/shell.h"

enum { ID_MOST = 256, ETAG_MOST = 1024, MIME_MOST = 255, TAG_MOST = 255, RANGE_TAG_MOST = 64 };

/* The message outlives the turn's poll: its bytes are copied into the arena. */
static struct wb_message message_copy(struct wb_shell *shell, const struct wb_message *message)
{
    struct wb_message copy = *message;
    copy.handle = NULL;
    copy.topic = wb_arena_strdup(shell->arena, message->topic);
    if (message->key.data)
        copy.key = wb_arena_span(shell->arena, message->key);
    if (message->value.data)
        copy.value = wb_arena_span(shell->arena, message->value);
    return copy;
}

static struct wb_passed *pass(struct wb_shell *shell, const struct wb_message *message)
{
    struct wb_passed *passed = wb_arena_alloc(shell->arena, sizeof(*passed));
    passed->message = *message;
    *shell->last_passed = passed;
    shell->last_passed = &passed->next;
    return passed;
}

static enum wb_rc bury(struct wb_shell *shell, const struct wb_message *message,
                       const struct wb_err *why)
{
    struct wb_passed *passed = pass(shell, message);
    passed->dead = true;
    passed->why = *why;
    wb_err_place(&passed->why, WB_SCOPE_LOG, "decode");
    wb_metric_add(shell->metrics.unreadable, 1);
    WB_LOG(WB_LOG_WARN, "unreadable record goes to dead", WB_LOG_STR("topic", message->topic),
           WB_LOG_INT("partition", message->partition), WB_LOG_INT("offset", message->offset),
           WB_LOG_STR("reason", why->text));
    return WB_OK;
}

/* ---- events ---- */

static enum wb_rc parse_digest(struct wb_shell *shell, const char *text, struct wb_span *ret,
                               struct wb_err *err)
{
    static const char prefix[] = "sha256:";
    uint8_t bytes[WB_SHA256_SIZE];
    *ret = wb_span_of(NULL, 0);
    if (!*text)
        return WB_OK;
    if (strncmp(text, prefix, strlen(prefix)) != 0 ||
        !wb_hex_parse(text + strlen(prefix), bytes, sizeof(bytes)))
        return wb_err_set(err, WB_CAT_INVALID, "digest \"%.80s\" is not sha256: and 64 hex digits",
                          text);
    *ret = wb_arena_span(shell->arena, wb_span_of(bytes, sizeof(bytes)));
    return WB_OK;
}

/* They go into records of ours, each of which must fit into one record of the log. */
static enum wb_rc check_text(const char *name, const char *text, size_t most, struct wb_err *err)
{
    size_t len = strlen(text);
    if (len <= most)
        return WB_OK;
    return wb_err_set(err, WB_CAT_INVALID, "%s has %zu bytes, may have %zu", name, len, most);
}

static enum wb_rc check_event(const struct wb_file_event *event, struct wb_err *err)
{
    if (check_text("id", event->id, ID_MOST, err) != WB_OK ||
        check_text("etag", event->etag, ETAG_MOST, err) != WB_OK ||
        check_text("mime", event->mime, MIME_MOST, err) != WB_OK)
        return WB_ERROR;
    if (wb_name_check(event->node, err) != WB_OK || wb_path_check(event->path, err) != WB_OK)
        return WB_ERROR;
    if (event->kind == WB_EVENT_UNKNOWN)
        return wb_err_set(err, WB_CAT_INVALID, "kind is neither written nor deleted");
    return WB_OK;
}

static enum wb_rc event_ref(struct wb_shell *shell, const struct wb_message *message,
                            const struct wb_file_event *event, struct wb_event_ref *ret,
                            struct wb_err *err)
{
    *ret = (struct wb_event_ref){
        .id = *event->id ? event->id
                         : wb_arena_printf(shell->arena, "%d-%lld", (int)message->partition,
                                           (long long)message->offset),
        .time_ms = event->time_ms > 0 ? event->time_ms : message->timestamp_ms,
        .offset = message->offset,
        .accepted_ms = shell->now_ms,
        .kind = event->kind,
        .claim = {.size_bytes = event->size_bytes,
                  .mtime_ns = event->mtime_ns,
                  .etag = event->etag},
        .mime = *event->mime ? event->mime : wb_mime_of(shell->mime, event->path),
        .count = 1,
    };
    return parse_digest(shell, event->digest, &ret->sha256, err);
}

static enum wb_rc step_routes(struct wb_shell *shell, struct wb_part *part,
                              const struct wb_file_event *event, const struct wb_event_ref *ref,
                              struct wb_err *err)
{
    struct wb_route *routes;
    size_t count = wb_rules_routes(shell->rules, shell->rule_count, &shell->defaults, event->node,
                                   event->path, shell->arena, &routes);
    if (count == 0)
        wb_metric_add(shell->metrics.unmatched, 1);
    for (size_t i = 0; i < count; i++) {
        struct wb_loaded *loaded;
        struct wb_input input = {.kind = WB_INPUT_EVENT, .event = ref};
        if (event->kind == WB_EVENT_DELETED && !routes[i].policy.deletes) {
            wb_metric_add(shell->metrics.ignored, 1);
            continue;
        }
        if (wb_link_load(shell, part, routes[i].target, event->node, event->path, &routes[i].policy,
                         &loaded, err) != WB_OK)
            return WB_ERROR;
        if (wb_link_step(shell, loaded, &input, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static void forward_home(struct wb_shell *shell, const struct wb_message *message, int32_t home)
{
    struct wb_passed *passed = pass(shell, message);
    passed->home = home;
    wb_metric_add(shell->metrics.forwarded, 1);
    WB_LOG(WB_LOG_WARN, "event came to another partition than its file's, forwarded",
           WB_LOG_INT("partition", message->partition), WB_LOG_INT("home", home));
}

static enum wb_rc take_event(struct wb_shell *shell, struct wb_part *part,
                             const struct wb_message *message, struct wb_err *err)
{
    void *record;
    struct wb_err why;
    struct wb_event_ref *ref = wb_arena_alloc(shell->arena, sizeof(*ref));
    if (wb_codec_decode_as(shell->codec, WB_RECORD_FILE_EVENT, message->value, shell->arena,
                           &record, &why) != WB_OK ||
        check_event(record, &why) != WB_OK || event_ref(shell, message, record, ref, &why) != WB_OK)
        return bury(shell, message, &why);
    const struct wb_file_event *event = record;
    wb_metric_add(shell->metrics.events, 1);
    int32_t home = wb_home_partition(event->node, event->path, shell->partitions);
    if (home != message->partition) {
        forward_home(shell, message, home);
        return WB_OK;
    }
    return step_routes(shell, part, event, ref, err);
}

/* ---- answers ---- */

static enum wb_rc check_result(const struct wb_result *result, struct wb_err *err)
{
    if (wb_path_check(result->path, err) != WB_OK ||
        check_text("instance", result->instance, TAG_MOST, err) != WB_OK ||
        check_text("tag", result->tag, TAG_MOST, err) != WB_OK ||
        check_text("mime", result->mime, MIME_MOST, err) != WB_OK ||
        (result->version && check_text("etag", result->version->etag, ETAG_MOST, err) != WB_OK))
        return WB_ERROR;
    if (result->sha256.len > WB_SHA256_SIZE)
        return wb_err_set(err, WB_CAT_INVALID, "sha256 has %zu bytes", result->sha256.len);
    for (size_t i = 0; i < result->range_count; i++) {
        if (check_text("tag of a range", result->ranges[i].tag, RANGE_TAG_MOST, err) != WB_OK)
            return WB_ERROR;
        if (result->ranges[i].digest.len > WB_XXH3_SIZE)
            return wb_err_set(err, WB_CAT_INVALID, "digest of a range has %zu bytes",
                              result->ranges[i].digest.len);
    }
    return WB_OK;
}

static enum wb_rc check_report(const struct wb_report *report, struct wb_err *err)
{
    if (wb_name_check(report->source, err) != WB_OK ||
        wb_name_check(report->target, err) != WB_OK ||
        (*report->from && wb_name_check(report->from, err) != WB_OK))
        return WB_ERROR;
    if (report->op == WB_OP_CHECK)
        return WB_OK;
    for (size_t i = 0; i < report->result_count; i++)
        if (check_result(&report->results[i], err) != WB_OK)
            return wb_err_prefix(err, "result %zu", i);
    return WB_OK;
}

static enum wb_rc take_results(struct wb_shell *shell, struct wb_part *part,
                               const struct wb_report *report, enum wb_input_kind kind,
                               struct wb_err *err)
{
    const struct wb_result *before = NULL;
    for (size_t i = 0; i < report->result_count; i++) {
        struct wb_loaded *loaded;
        const struct wb_result *result = &report->results[i];
        struct wb_input input = {
            .kind = kind, .op = report->op, .result = result, .from = report->from};
        int32_t home = wb_home_partition(report->source, result->path, shell->partitions);
        if (&shell->parts[home] != part)
            continue;
        if (wb_link_load(shell, part, report->target, report->source, result->path, NULL, &loaded,
                         err) != WB_OK)
            return WB_ERROR;
        /* A report that answers to nothing says nothing of nodes, which may not even exist. */
        if (loaded->link.job) {
            input.excused = wb_nodes_outcome(shell, report, result, before, kind);
            before = result;
        }
        if (wb_link_step(shell, loaded, &input, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static enum wb_rc take_report(struct wb_shell *shell, struct wb_part *part,
                              const struct wb_message *message, enum wb_record_type type,
                              enum wb_input_kind kind, struct wb_err *err)
{
    void *record;
    struct wb_err why;
    if (wb_codec_decode_as(shell->codec, type, message->value, shell->arena, &record, &why) !=
        WB_OK)
        return bury(shell, message, &why);
    const struct wb_report *report = record;
    if (check_report(report, &why) != WB_OK)
        return bury(shell, message, &why);
    if (report->op == WB_OP_CHECK) {
        wb_nodes_probed(shell, report);
        return WB_OK;
    }
    return take_results(shell, part, report, kind, err);
}

static int input_of(const struct wb_shell *shell, const char *topic)
{
    static const enum wb_topic inputs[WB_INPUTS] = {WB_TOPIC_EVENTS, WB_TOPIC_TRANSFERS,
                                                    WB_TOPIC_VERDICTS};
    for (int i = 0; i < WB_INPUTS; i++)
        if (strcmp(topic, shell->topics[inputs[i]]) == 0)
            return i;
    return -1;
}

enum wb_rc wb_intake(struct wb_shell *shell, const struct wb_message *raw, struct wb_err *err)
{
    int input = input_of(shell, raw->topic);
    if (input < 0 || raw->partition >= shell->partitions || !shell->parts[raw->partition].ours)
        return WB_OK;
    struct wb_part *part = &shell->parts[raw->partition];
    struct wb_message message = message_copy(shell, raw);
    part->next[input] = raw->offset + 1;
    shell->consumed++;
    shell->consumed_bytes += raw->key.len + raw->value.len;
    /* Who sets a rule and then publishes a file expects that the file goes by the rule. */
    if (input == 0 && !shell->caught_up && wb_catalog_catch_up(shell, err) != WB_OK)
        return WB_ERROR;
    shell->caught_up |= input == 0;
    if (input == 0)
        return take_event(shell, part, &message, err);
    if (input == 1)
        return take_report(shell, part, &message, WB_RECORD_TRANSFER, WB_INPUT_REPORT, err);
    return take_report(shell, part, &message, WB_RECORD_VERDICT, WB_INPUT_VERDICT, err);
}
